using BatchBus.Host.Observability;

namespace BatchBus.Host.Tests.Observability;

public sealed class ClockHealthTests
{
    [TestCase("01:00:00", "is 1 h 0 min ahead of the clock of the Redis server.")]
    [TestCase("-01:00:00.2", "is 1 h 0 min behind the clock of the Redis server.")]
    [TestCase("00:59:59.9", "is 1 h 0 min ahead of the clock of the Redis server.")]
    [TestCase("-00:05:10", "is 5 minutes behind the clock of the Redis server.")]
    [TestCase("00:00:45", "is 45 seconds ahead of the clock of the Redis server.")]
    [TestCase("1.02:30:00", "is 26 h 30 min ahead of the clock of the Redis server.")]
    public void A_difference_is_told_in_words_with_a_remedy(string ahead, string words)
    {
        var result = ClockHealth.Judge(TimeSpan.Parse(ahead, System.Globalization.CultureInfo.InvariantCulture));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Description, Does.EndWith(words));
            Assert.That(result.Data["remedy"], Does.Contain("timedatectl"));
            Assert.That(result.Data, Does.ContainKey("alarm"));
        }
    }

    [TestCase(29)]
    [TestCase(-29)]
    public void A_small_difference_is_none(int seconds)
        => Assert.That(ClockHealth.Judge(TimeSpan.FromSeconds(seconds)).Data, Is.Empty);
}
