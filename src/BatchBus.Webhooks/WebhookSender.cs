using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using Microsoft.Extensions.Options;

namespace BatchBus.Webhooks;

/// <summary>Sends the end of a batch to its receiver, by the Standard Webhooks specification.</summary>
public sealed class WebhookSender : IDisposable
{
    /// <summary>Most of an answer that is taken off the wire; nobody looks at it.</summary>
    private const int MaxDrain = 4 << 10;

    private const int MaxHeaderKilobytes = 16;

    private readonly HttpClient _http;
    private readonly WebhookAddresses _addresses;
    private readonly IOptions<WebhookOptions> _options;
    private readonly IOptions<WebhookWorkspaces> _workspaces;
    private readonly TimeProvider _time;

    /// <summary>Takes the settings.</summary>
    public WebhookSender(WebhookAddresses addresses, IOptions<WebhookOptions> options, IOptions<WebhookWorkspaces> workspaces, TimeProvider time)
    {
        (_addresses, _options, _workspaces, _time) = (addresses, options, workspaces, time);
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectCallback = ConnectAsync,
            MaxResponseDrainSize = MaxDrain,
            MaxResponseHeadersLength = MaxHeaderKilobytes,
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),
            UseCookies = false,

            // A proxy of the environment would connect to what is not checked here.
            UseProxy = false,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>The name of the event that a batch has ended, the same in every attempt.</summary>
    public static string EventId(Guid batchId) => $"evt_{BatchId.Format(batchId)["msgbatch_".Length..]}";

    /// <summary>Sends once and says how the receiver answered.</summary>
    /// <param name="record">The batch, which has ended.</param>
    /// <param name="url">Its receiver.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="HttpRequestException">There was no answer; its message and those within say why.</exception>
    /// <exception cref="TimeoutException">There was none in time.</exception>
    /// <exception cref="InvalidOperationException">The workspace has no secret any more.</exception>
    public async Task<HttpStatusCode> SendAsync(BatchRecord record, Uri url, CancellationToken cancellationToken)
    {
        var secrets = _workspaces.Value.Of(record.Workspace).WebhookSecrets;
        if (secrets.Length == 0)
        {
            throw new InvalidOperationException("The workspace has no webhook secret.");
        }

        var (payload, id, timestamp) = (Payload(record), EventId(record.BatchId), _time.GetUtcNow().ToUnixTimeSeconds());
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(payload) { Headers = { ContentType = new("application/json") } } };
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", WebhookSecret.Sign(secrets, id, timestamp, payload));
        request.Headers.UserAgent.ParseAdd("BatchBus");
        using var patience = new CancellationTokenSource(_options.Value.Timeout, _time);
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, bounded.Token);
            return response.StatusCode;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"There was no answer within {_options.Value.Timeout.TotalSeconds:0.#} s.");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private byte[] Payload(BatchRecord record)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("type", "message_batch.ended");
        BatchObject.WriteTime(json, "timestamp", record.ClosedAt);
        json.WritePropertyName("data");
        BatchObject.Write(json, record, _options.Value.BaseUrl);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Connects to an address that was checked, whatever the name may stand for a moment later.</summary>
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var addresses = await _addresses.ResolveAsync(context.DnsEndPoint.Host, cancellationToken);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
