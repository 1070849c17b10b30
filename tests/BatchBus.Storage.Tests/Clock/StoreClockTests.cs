using BatchBus.Storage.Clock;

namespace BatchBus.Storage.Tests.Clock;

public sealed class StoreClockTests(StoreServer server) : StoreFixture(server)
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    [Test]
    public async Task It_tells_the_servers_time()
    {
        var clock = new StoreClock(Connection);
        clock.Observe(Noon, clock.GetTimestamp(), clock.GetTimestamp());
        Assert.That(clock.GetUtcNow(), Is.EqualTo(Noon).Within(TimeSpan.FromSeconds(10)), "whatever the process's own clock says");

        await clock.ReadAsync();

        Assert.That(clock.GetUtcNow(), Is.EqualTo(TimeProvider.System.GetUtcNow()).Within(TimeSpan.FromSeconds(10)), "both run on this machine");
    }

    [Test]
    public async Task It_knows_how_far_the_clock_of_the_process_is_ahead()
    {
        var clock = new StoreClock(Connection);
        Assert.That(clock.ProcessAhead, Is.Null, "nothing is known of the server's yet");

        clock.Observe(TimeProvider.System.GetUtcNow() - TimeSpan.FromHours(1), clock.GetTimestamp(), clock.GetTimestamp());
        Assert.That(clock.ProcessAhead, Is.EqualTo(TimeSpan.FromHours(1)).Within(TimeSpan.FromSeconds(10)));

        await clock.ReadAsync();
        Assert.That(clock.ProcessAhead, Is.EqualTo(TimeSpan.Zero).Within(TimeSpan.FromSeconds(10)));
    }

    [TestCase(-3600)]
    [TestCase(3600)]
    [TestCase(2)]
    public void A_step_of_the_servers_clock_is_noticed_and_followed(int seconds)
    {
        var (clock, start) = Started();

        Observe(clock, start, after: 1, Noon.AddSeconds(1 + seconds));

        Assert.That(clock.Interruptions, Is.EqualTo(1));
        Observe(clock, start, after: 2, Noon.AddSeconds(2 + seconds));
        Assert.That(clock.Interruptions, Is.EqualTo(1), "it goes on from there");
    }

    [Test]
    public void A_clock_that_runs_on_is_no_interruption_and_a_time_without_contact_is_one()
    {
        var (clock, start) = Started();

        Observe(clock, start, after: 1, Noon.AddSeconds(1.2));
        Observe(clock, start, after: 3, Noon.AddSeconds(2.9));
        Assert.That(clock.Interruptions, Is.Zero);

        Observe(clock, start, after: 10, Noon.AddSeconds(10));
        Assert.That(clock.Interruptions, Is.EqualTo(1));
    }

    [Test]
    public void A_reading_that_took_long_says_nothing()
    {
        var (clock, start) = Started();

        clock.Observe(Noon.AddHours(1), start, start + clock.TimestampFrequency);
        clock.Observe(Noon.AddHours(1), start + clock.TimestampFrequency, start + (4 * clock.TimestampFrequency));
        Observe(clock, start, after: 6, Noon.AddSeconds(6));

        Assert.That(clock.Interruptions, Is.Zero, "slow answers are contact all the same");
        Assert.That(clock.GetUtcNow(), Is.EqualTo(Noon).Within(TimeSpan.FromSeconds(10)));
    }

    private (StoreClock Clock, long Start) Started()
    {
        var clock = new StoreClock(Connection);
        var start = clock.GetTimestamp();
        clock.Observe(Noon, start, start);
        return (clock, start);
    }

    private static void Observe(StoreClock clock, long start, int after, DateTimeOffset server)
    {
        var moment = start + (after * clock.TimestampFrequency);
        clock.Observe(server, moment, moment);
    }
}
