using BatchBus.Storage.Usage;
using Microsoft.Extensions.Options;

namespace BatchBus.Storage.Tests.Usage;

public sealed class EndpointMeterTests(StoreServer server) : StoreFixture(server)
{
    private readonly string _endpoint = $"m-{Guid.NewGuid():N}";

    [Test]
    public async Task What_is_added_is_summed_by_endpoint_over_the_days_that_are_asked_for()
    {
        var meter = new EndpointMeter(Connection, Options.Create(new UsageOptions()));
        var other = $"{_endpoint}-other";
        var today = DateOnly.FromDateTime(Time.GetUtcNow().UtcDateTime);
        await meter.AddAsync(_endpoint, today.AddDays(-2), 10_000_000, 1);
        await meter.AddAsync(_endpoint, today.AddDays(-1), 3_000_000, 2_000_000);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => meter.AddAsync(_endpoint, today, 1_000, 100)));
        await meter.AddAsync(other, today, 5, 5);

        var read = (await meter.ReadAsync(today.AddDays(-1), today)).Where(time => time.Endpoint.StartsWith(_endpoint, StringComparison.Ordinal));

        Assert.That(read, Is.EqualTo(new[]
        {
            new EndpointTime(_endpoint, TimeSpan.FromMilliseconds(3_020), TimeSpan.FromMilliseconds(2_002)),
            new EndpointTime(other, TimeSpan.FromMicroseconds(5), TimeSpan.FromMicroseconds(5)),
        }));
    }

    [Test]
    public async Task A_day_is_kept_for_its_retention()
    {
        var meter = new EndpointMeter(Connection, Options.Create(new UsageOptions { UsageRetention = TimeSpan.FromDays(3) }));
        var day = DateOnly.FromDateTime(Time.GetUtcNow().UtcDateTime).AddDays(-2);

        await meter.AddAsync(_endpoint, day, 1, 1);
        await meter.AddAsync(_endpoint, day.AddDays(-2), 1, 1);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Database.KeyTimeToLiveAsync($"batchbus:meter:{day:yyyy-MM-dd}"), Is.GreaterThan(TimeSpan.FromDays(1)).And.LessThanOrEqualTo(TimeSpan.FromDays(2)));
            Assert.That((await meter.ReadAsync(day.AddDays(-2), day.AddDays(-2))).Where(time => time.Endpoint == _endpoint), Is.Empty, "its time was over already");
        }
    }
}
