using BatchBus.Inference.RunPod;
using CsCheck;

namespace BatchBus.Inference.Tests.RunPod;

public sealed class PollPaceTests
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    [Test]
    public void Pauses_grow_by_half_up_to_the_longest()
    {
        var pace = new PollPace(Shortest, Longest);
        Gen.Int[1, 10_000].Sample(looks =>
        {
            var middle = Math.Min(100 * Math.Pow(1.5, looks), 5000);
            return Math.Abs(pace.After(looks).TotalMilliseconds - middle) <= (middle * 0.2) + 0.001;
        });
    }

    [Test]
    public void The_first_look_comes_after_half_of_what_jobs_took_lately()
    {
        var pace = new PollPace(Shortest, Longest);
        Assert.That(pace.First(), Is.EqualTo(Shortest).Within(TimeSpan.FromMilliseconds(20.001)));
        pace.Observe(TimeSpan.FromSeconds(4));
        Assert.That(pace.First(), Is.EqualTo(TimeSpan.FromSeconds(2)).Within(TimeSpan.FromMilliseconds(400.001)));
        for (var i = 0; i < 200; i++)
        {
            pace.Observe(TimeSpan.FromMinutes(1));
        }

        Assert.That(pace.First(), Is.EqualTo(Longest).Within(TimeSpan.FromMilliseconds(1000.001)));
    }
}
