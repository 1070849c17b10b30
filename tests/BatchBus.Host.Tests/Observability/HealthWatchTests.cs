using System.Diagnostics.Metrics;
using BatchBus.Host.Observability;
using BatchBus.Storage.Clock;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BatchBus.Host.Tests.Observability;

public sealed class HealthWatchTests
{
    private static readonly HealthCheckResult Well = PartHealth.Ready("Redis answers.");
    private static readonly HealthCheckResult Away = PartHealth.NotReady("Redis cannot be reached.", "Start it.");
    private static readonly HealthCheckResult Full = PartHealth.NotReady("Redis refuses writes.", "Free space.");
    private static readonly HealthCheckResult Doubtful = PartHealth.Alarm("Redis is slow.", "Look at its disk.");

    private Lines _lines = null!;
    private Life _life = null!;
    private ServiceProvider _services = null!;
    private HealthWatch _watch = null!;

    [SetUp]
    public void SetUp()
    {
        (_lines, _life) = (new Lines(), new Life());
        _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        _watch = new HealthWatch(new StoreClock(null!), _life, _services.GetRequiredService<IMeterFactory>(), _lines);
    }

    [TearDown]
    public void TearDown()
    {
        _services.Dispose();
        _life.Dispose();
    }

    [Test]
    public async Task Each_change_is_one_line_however_often_it_is_seen()
    {
        foreach (var result in new[] { Well, Well, Away, Away, Full, Full, Well, Well, Doubtful, Doubtful, Away, Well })
        {
            await SeeAsync(result);
        }

        Assert.That(_lines.Told, Is.EqualTo(new[]
        {
            "Error Not ready, redis: Redis cannot be reached. Start it.",
            "Error Not ready, redis: Redis refuses writes. Free space.",
            "Information Well again, redis: Redis answers.",
            "Warning Alarm, redis: Redis is slow. Look at its disk.",
            "Error Not ready, redis: Redis cannot be reached. Start it.",
            "Information Well again, redis: Redis answers.",
        }));
    }

    [Test]
    public async Task A_process_that_begins_with_something_wrong_says_so()
    {
        await SeeAsync(Away);

        Assert.That(_lines.Told, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_process_that_stops_says_nothing_of_the_servers_it_lets_go()
    {
        await SeeAsync(Well);
        _life.StopApplication();
        await SeeAsync(Away);

        Assert.That(_lines.Told, Is.Empty);
    }

    private Task SeeAsync(HealthCheckResult result) => _watch.PublishAsync(
        new HealthReport(
            new Dictionary<string, HealthReportEntry> { ["redis"] = new(result.Status, result.Description, TimeSpan.Zero, result.Exception, result.Data) }, TimeSpan.Zero),
        CancellationToken.None);

    private sealed class Lines : ILogger<HealthWatch>
    {
        public List<string> Told { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => Told.Add($"{logLevel} {formatter(state, exception)}");
    }

    private sealed class Life : IHostApplicationLifetime, IDisposable
    {
        private readonly CancellationTokenSource _stopping = new();

        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => _stopping.Token;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() => _stopping.Cancel();

        public void Dispose() => _stopping.Dispose();
    }
}
