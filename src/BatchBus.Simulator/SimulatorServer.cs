using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace BatchBus.Simulator;

/// <summary>
/// A model endpoint that computes nothing: RunPod's job API under <c>/v2/{endpoint}</c> and vLLM's OpenAI-style API under <c>/v1</c>
/// and <c>/v2/{endpoint}/openai/v1</c>, with answers that are recognisable as simulated and a log of every call, which is also served:
/// <c>GET</c> and <c>DELETE /simulator/log</c> (JSON lines), <c>GET /simulator/counts</c>, <c>PUT /simulator/latency</c> (a text form).
/// Any endpoint id is served, and each can be given troubles of its own: see <see cref="SimulatedEndpoint"/>, <c>/simulator/endpoints/{id}</c> and the
/// project's README. Not offered are streaming, more than one choice and <c>/runsync</c>.
/// </summary>
public sealed class SimulatorServer : IAsyncDisposable
{
    // What RunPod takes in one request of any kind.
    private const long MaxBodyBytes = 20 * 1024 * 1024;

    private readonly KestrelServer _kestrel;
    private readonly ModelEngine _engine;
    private bool _isStopped;

    private SimulatorServer(KestrelServer kestrel, ModelEngine engine)
    {
        _kestrel = kestrel;
        _engine = engine;
        BaseAddress = new Uri(kestrel.Features.Get<IServerAddressesFeature>()!.Addresses.Single());
    }

    /// <summary>Where the server listens, with the port that it got.</summary>
    public Uri BaseAddress { get; }

    /// <summary>Every call that reached the models.</summary>
    public SimulatorLog Log => _engine.Log;

    /// <summary>How long the calls take that run from now on.</summary>
    public SimulatedLatency Latency
    {
        get => _engine.Latency;
        set => _engine.Latency = value;
    }

    /// <summary>How one endpoint behaves, which can be changed at any time.</summary>
    /// <param name="id">The <c>{endpoint}</c> of <c>/v2/{endpoint}</c>; <c>v1</c> for the routes under <c>/v1</c>.</param>
    public SimulatedEndpoint Endpoint(string id)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        return _engine.Endpoint(id);
    }

    /// <summary>Starts a server, which listens when this returns.</summary>
    /// <exception cref="ArgumentException">The options hold no model or no slot.</exception>
    /// <exception cref="IOException">The address is taken.</exception>
    public static async Task<SimulatorServer> StartAsync(SimulatorOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfZero(options.Models.Count, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxConcurrency ?? 1, 1, nameof(options));

        var settings = new KestrelServerOptions { AddServerHeader = false };
        settings.Limits.MaxRequestBodySize = MaxBodyBytes;

        // Handlers never block, so they may run on the sockets' own threads: a tenth less processor time for each call.
        var sockets = new SocketTransportOptions { UnsafePreferInlineScheduling = true };
        var transport = new SocketTransportFactory(Options.Create(sockets), NullLoggerFactory.Instance);
        var kestrel = new KestrelServer(Options.Create(settings), transport, NullLoggerFactory.Instance);
        kestrel.Features.Get<IServerAddressesFeature>()!.Addresses.Add(options.Url);

        var engine = new ModelEngine(options);
        try
        {
            await kestrel.StartAsync(new SimulatorApplication(engine, options.ApiKey), cancellationToken);
        }
        catch
        {
            kestrel.Dispose();
            throw;
        }

        return new SimulatorServer(kestrel, engine);
    }

    /// <summary>Ends open calls without an answer, cancels open jobs and stops listening. Further calls do nothing.</summary>
    public async Task StopAsync()
    {
        if (_isStopped)
        {
            return;
        }

        _isStopped = true;
        foreach (var endpoint in _engine.Endpoints)
        {
            endpoint.Jobs.Stop();
        }

        // Canceled at once, Kestrel breaks the connections instead of waiting for the calls on them.
        await _kestrel.StopAsync(new CancellationToken(canceled: true));
        _kestrel.Dispose();
    }

    /// <summary>The same as <see cref="StopAsync"/>.</summary>
    public async ValueTask DisposeAsync() => await StopAsync();
}
