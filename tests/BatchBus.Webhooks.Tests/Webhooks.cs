using System.Net;
using System.Net.Sockets;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace BatchBus.Webhooks.Tests;

/// <summary>The room with its registration, and names that stand for what a test says.</summary>
internal sealed class Webhooks : IDisposable
{
    public const string Secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    public const string OlderSecret = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4";

    private readonly ServiceProvider _services;

    public Webhooks(params (string Name, string Value)[] settings)
    {
        _services = new ServiceCollection()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<Func<string, CancellationToken, Task<IPAddress[]>>>((host, _) => Task.FromResult(Resolve!(host)))
            .AddBatchBusWebhooks(new ConfigurationBuilder()
                .AddInMemoryCollection([KeyValuePair.Create<string, string?>("BatchBus:Workspaces:acme:WebhookSecrets:0", Secret)])
                .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create<string, string?>(setting.Name, setting.Value)))
                .Build())
            .BuildServiceProvider();
        Resolve = host => IPAddress.TryParse(host, out var address) ? [address] : throw new SocketException((int)SocketError.HostNotFound);
    }

    /// <summary>What names stand for; without a word of the test, only for themselves.</summary>
    public Func<string, IPAddress[]> Resolve { get; set; }

    public WebhookUrls Urls => _services.GetRequiredService<WebhookUrls>();

    public WebhookSender Sender => _services.GetRequiredService<WebhookSender>();

    public static BatchRecord Ended { get; } = new()
    {
        BatchId = BatchId.New(new DateTimeOffset(2026, 11, 23, 8, 0, 0, TimeSpan.Zero)),
        Workspace = "acme",
        CreatedAt = new DateTimeOffset(2026, 11, 23, 8, 0, 0, TimeSpan.Zero),
        ExpiresAt = new DateTimeOffset(2026, 11, 24, 8, 0, 0, TimeSpan.Zero),
        ClosedAt = new DateTimeOffset(2026, 11, 23, 8, 1, 0, TimeSpan.Zero),
        Reason = BatchEndReason.Completed,
        Lanes = [new Lane { Number = 0, Model = "m", Count = 3, Bytes = 6 }],
        Tallies = [LaneTally.None with { Succeeded = 2, Errored = 1 }],
    };

    public Task<string?> ProblemAsync(string url, string workspace = "acme") => Urls.ProblemAsync(workspace, url, CancellationToken.None);

    public Task<HttpStatusCode> SendAsync(string url, BatchRecord? record = null) => Sender.SendAsync(record ?? Ended, new Uri(url), CancellationToken.None);

    public void Dispose() => _services.Dispose();
}
