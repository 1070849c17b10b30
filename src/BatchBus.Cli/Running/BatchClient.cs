using System.Net;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace BatchBus.Cli.Running;

/// <summary>The HTTP interface, as far as a run needs it.</summary>
internal sealed class BatchClient : IDisposable
{
    private const string Batches = "v1/messages/batches";

    private readonly HttpClient _http;

    public BatchClient(string address, string apiKey)
    {
        _http = new HttpClient { BaseAddress = new Uri(address), Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Add("x-api-key", apiKey);
    }

    /// <summary>Creates the batch of a file and returns its id.</summary>
    /// <exception cref="RunFailure">It was refused.</exception>
    public async Task<string> CreateAsync(RequestFile file, string? stage, string idempotencyKey, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Batches) { Content = new FileContent(file, stage) };
        request.Headers.Add("Idempotency-Key", idempotencyKey);
        using var response = await _http.SendAsync(request, cancellationToken);
        using var body = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(cancellationToken), cancellationToken: cancellationToken);
        if (response.IsSuccessStatusCode)
        {
            return body.RootElement.GetProperty("id").GetString()!;
        }

        var message = body.RootElement.GetProperty("error").GetProperty("message").GetString()!;
        var counting = message.StartsWith("requests", StringComparison.Ordinal) ? " (requests are counted from 0)" : "";
        throw new RunFailure($"{file.Name} was refused: {message}{counting}. Nothing was run.");
    }

    /// <summary>A batch's <c>processing_status</c>; null when there is no such batch.</summary>
    public async Task<string?> FindStatusAsync(string id, CancellationToken cancellationToken)
    {
        using var response = await _http.GetAsync($"{Batches}/{id}", cancellationToken);
        if (response.StatusCode is HttpStatusCode.NotFound)
        {
            return null;
        }

        using var batch = await JsonDocument.ParseAsync(
            await response.EnsureSuccessStatusCode().Content.ReadAsStreamAsync(cancellationToken), cancellationToken: cancellationToken);
        return batch.RootElement.GetProperty("processing_status").GetString();
    }

    /// <summary>Follows a batch until it has ended.</summary>
    public async IAsyncEnumerable<BatchProgress> FollowAsync(string id, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var stream = await _http.GetStreamAsync($"{Batches}/{id}/events", cancellationToken);
        var events = SseParser.Create(stream, (_, data) => JsonSerializer.Deserialize(data, BatchProgressJson.Default.BatchProgress)!);
        await foreach (var update in events.EnumerateAsync(cancellationToken))
        {
            yield return update.Data;
        }

        // The stream ends with the batch; that it did not just break off, the batch itself says.
        if (await FindStatusAsync(id, cancellationToken) is not "ended")
        {
            throw new RunFailure($"The events of {id} broke off. Start the same command again to resume.");
        }
    }

    /// <summary>The results of a batch that has ended, one line of JSON per request.</summary>
    public async Task<Stream> ResultsAsync(string id, CancellationToken cancellationToken)
        => await _http.GetStreamAsync($"{Batches}/{id}/results", cancellationToken);

    public void Dispose() => _http.Dispose();

    /// <summary>The body of a create, written as the file is read.</summary>
    private sealed class FileContent : HttpContent
    {
        private readonly RequestFile _file;
        private readonly string? _stage;

        public FileContent(RequestFile file, string? stage)
        {
            _file = file;
            _stage = stage;
            Headers.ContentType = new("application/json");
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
            => _file.WriteBodyAsync(stream, _stage, cancellationToken);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
