using CsCheck;

namespace BatchBus.Simulator.Tests;

public sealed class SimulatedLatencyTests
{
    [TestCase("20ms", 20, 0)]
    [TestCase(" fixed:200ms ", 200, 0)]
    [TestCase("1.5s", 1500, 0)]
    [TestCase("0ms", 0, 0)]
    [TestCase("lognormal:200ms,0.5", 200, 0.5)]
    [TestCase("lognormal:2s,1", 2000, 1)]
    public void A_text_form_is_read(string text, double milliseconds, double sigma)
    {
        var isRead = SimulatedLatency.TryParse(text, out var latency, out var error);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(isRead, Is.True, error);
            Assert.That(latency.Median, Is.EqualTo(TimeSpan.FromMilliseconds(milliseconds)));
            Assert.That(latency.Sigma, Is.EqualTo(sigma));
        }
    }

    [TestCase(null, "missing")]
    [TestCase(" ", "missing")]
    [TestCase("20", "'20' has no unit")]
    [TestCase("ms", "'ms' is not a time")]
    [TestCase("-1ms", "'-1ms' is not a time")]
    [TestCase("1,5ms", "'1,5ms' is not a time")]
    [TestCase("2 ms", "'2 ms' is not a time")]
    [TestCase("3601s", "'3601s' is too long")]
    [TestCase("fixed:", "'' has no unit")]
    [TestCase("lognormal:200ms", "'200ms' has no sigma")]
    [TestCase("lognormal:200,0.5", "'200' has no unit")]
    [TestCase("lognormal:200ms,wide", "'wide' is not a sigma")]
    [TestCase("lognormal:200ms,-1", "'-1' is not a sigma")]
    [TestCase("lognormal:200ms,6", "'6' is not a sigma")]
    [TestCase("lognormal:200ms,NaN", "'NaN' is not a sigma")]
    public void Another_text_is_refused_with_a_sentence(string? text, string expected)
    {
        var isRead = SimulatedLatency.TryParse(text, out _, out var error);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(isRead, Is.False);
            Assert.That(error, Does.Contain(expected).And.EndsWith("."));
        }
    }

    [Test]
    public void Every_latency_reads_back_from_its_text() =>
        Gen.Select(Gen.Long[0, TimeSpan.TicksPerHour], Gen.OneOf(Gen.Const(0.0), Gen.Double[0, 5]))
            .Sample((ticks, sigma) =>
            {
                var latency = SimulatedLatency.LogNormal(TimeSpan.FromTicks(ticks), sigma);
                return SimulatedLatency.TryParse(latency.ToString(), out var read, out _) && read == latency;
            });

    [Test]
    public void Samples_follow_the_distribution()
    {
        var latency = RunningSimulator.Latency("lognormal:200ms,0.5");
        var random = new Random(1);
        var samples = Enumerable.Range(0, 20_000).Select(_ => latency.Sample((ulong)random.NextInt64(long.MinValue, long.MaxValue)).TotalMilliseconds).Order().ToList();

        // The median, and one sigma down and up in the logarithm.
        using (Assert.EnterMultipleScope())
        {
            Assert.That(samples[10_000], Is.EqualTo(200).Within(5));
            Assert.That(samples[3_173], Is.EqualTo(200 * Math.Exp(-0.5)).Within(5));
            Assert.That(samples[16_827], Is.EqualTo(200 * Math.Exp(0.5)).Within(10));
        }
    }

    [Test]
    public void A_sample_never_exceeds_an_hour() =>
        Gen.ULong.Sample(bits => SimulatedLatency.LogNormal(TimeSpan.FromMinutes(50), 5).Sample(bits) <= TimeSpan.FromHours(1));
}
