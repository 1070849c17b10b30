using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace BatchBus.Cli.Batches;

/// <summary>The HTTP interface, as far as the commands need it.</summary>
internal sealed class BatchClient : IDisposable
{
    private const string Batches = "v1/messages/batches";

    /// <summary>Batches that are listed at once, the most that the server gives.</summary>
    private const int PageSize = 1000;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <summary>How long a plain call may take.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(60);

    /// <summary>How long a stream that broke off is taken up again without success.</summary>
    private static readonly TimeSpan StreamPatience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan StreamRetry = TimeSpan.FromSeconds(1);

    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly string _address;
    private readonly bool _hasKey;

    public BatchClient(string address, string? apiKey, TimeProvider time)
    {
        _address = address.TrimEnd('/');
        _time = time;
        _hasKey = apiKey is not null;
        _http = new HttpClient(new SocketsHttpHandler { ConnectTimeout = ConnectTimeout, AllowAutoRedirect = false })
        {
            BaseAddress = new Uri($"{_address}/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (apiKey is not null)
        {
            _http.DefaultRequestHeaders.Add("x-api-key", apiKey);
        }
    }

    /// <summary>Creates the batch of a file and returns the batch object.</summary>
    /// <exception cref="CommandFailure">It was refused.</exception>
    public async Task<JsonElement> CreateAsync(RequestFile file, string? stage, string idempotencyKey, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Batches) { Content = new FileContent(file, stage) };
        request.Headers.Add("Idempotency-Key", idempotencyKey);
        using var response = await SendAsync(request, cancellationToken);
        if ((int)response.StatusCode is 400 or 413)
        {
            var message = (await MessageAsync(response, cancellationToken)).TrimEnd('.');
            var counting = message.StartsWith("requests.", StringComparison.Ordinal) || message.Contains(" at indexes ", StringComparison.Ordinal) ? " (requests are counted from 0)" : "";
            throw new CommandFailure($"{file.Name} was refused: {message}{counting}. Nothing was run.");
        }

        return await ReadAsync(response, cancellationToken);
    }

    /// <summary>A batch's <c>processing_status</c>; null when there is no such batch.</summary>
    public async Task<string?> FindStatusAsync(string id, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, PathOf(id));
        using var response = await SendAsync(request, cancellationToken);
        return response.StatusCode is HttpStatusCode.NotFound ? null : (await ReadAsync(response, cancellationToken)).GetProperty("processing_status").GetString();
    }

    /// <summary>The batch object.</summary>
    public Task<JsonElement> FindAsync(string id, CancellationToken cancellationToken) => CallAsync(HttpMethod.Get, PathOf(id), cancellationToken);

    /// <summary>Cancels a batch and returns the batch object.</summary>
    public Task<JsonElement> CancelAsync(string id, CancellationToken cancellationToken) => CallAsync(HttpMethod.Post, $"{PathOf(id)}/cancel", cancellationToken);

    /// <summary>Makes a batch of the requests of another that did not succeed, and returns the batch object.</summary>
    public async Task<JsonElement> RetryAsync(string id, CancellationToken cancellationToken)
    {
        // As long as a create may take: the server copies the requests before it answers.
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{PathOf(id)}/retry");
        using var response = await SendAsync(request, cancellationToken);
        return await ReadAsync(response, cancellationToken);
    }

    /// <summary>The first errored requests of a batch with their errors, as many as the server lists at once.</summary>
    public Task<JsonElement> ErroredAsync(string id, CancellationToken cancellationToken) => CallAsync(HttpMethod.Get, $"{PathOf(id)}/requests?state=errored&limit=200", cancellationToken);

    /// <summary>Where a request is and why.</summary>
    public Task<JsonElement> ExplainAsync(string id, string customId, CancellationToken cancellationToken)
        => CallAsync(HttpMethod.Get, $"{PathOf(id)}/requests/{Uri.EscapeDataString(customId)}", cancellationToken);

    /// <summary>The batch objects of the key's workspace, newest first.</summary>
    public async IAsyncEnumerable<JsonElement> ListAsync(int atOnce, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var after = "";
        while (true)
        {
            var page = await CallAsync(HttpMethod.Get, $"{Batches}?limit={Math.Clamp(atOnce, 1, PageSize)}{after}", cancellationToken);
            foreach (var batch in page.GetProperty("data").EnumerateArray())
            {
                yield return batch;
            }

            if (!page.GetProperty("has_more").GetBoolean())
            {
                yield break;
            }

            after = $"&after_id={page.GetProperty("last_id").GetString()}";
        }
    }

    /// <summary>Follows a batch until it has ended; goes on by itself where the stream broke off.</summary>
    public async IAsyncEnumerable<BatchEvent> FollowAsync(string id, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? last = null;
        var isResumed = false;
        var contactAt = _time.GetTimestamp();
        while (true)
        {
            using var response = await OpenAsync($"{PathOf(id)}/events", request => request.Headers.Add("Last-Event-ID", last is null ? [] : [last]), contactAt, isResumed, cancellationToken);
            isResumed = true;
            if (response is not null)
            {
                await using var stream = new AttentiveStream(await response.Content.ReadAsStreamAsync(cancellationToken));
                await using var events = SseParser.Create(stream).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
                while (await TryAsync(async () => await events.MoveNextAsync(), cancellationToken))
                {
                    contactAt = _time.GetTimestamp();
                    last = events.Current.EventId;
                    var isEnd = events.Current.EventType == "ended";
                    yield return new BatchEvent(events.Current.EventType, events.Current.Data);
                    if (isEnd)
                    {
                        yield break;
                    }
                }
            }

            await Task.Delay(StreamRetry, _time, cancellationToken);
        }
    }

    /// <summary>
    /// What is in the way of models' work, in sentences that say what to do: their endpoints, workers, and what all models need. Nothing
    /// where the server does not say.
    /// </summary>
    public async Task<IReadOnlyList<string>> ObstaclesAsync(IReadOnlyCollection<string> models, CancellationToken cancellationToken)
    {
        try
        {
            var status = await CallAsync(HttpMethod.Get, "v1/status", cancellationToken);
            var others = status.GetProperty("endpoints").EnumerateArray()
                .Where(endpoint => !models.Contains(endpoint.GetProperty("model").GetString()))
                .SelectMany(endpoint => new[] { endpoint.GetProperty("endpoint").GetString(), endpoint.GetProperty("model").GetString() })
                .ToHashSet();
            return [.. status.GetProperty("problems").EnumerateArray()
                .Where(problem => !others.Contains(problem.GetProperty("part").GetString()))
                .Select(problem => $"{problem.GetProperty("part").GetString()}: {problem.GetProperty("description").GetString()} {problem.GetProperty("remedy").GetString()}".TrimEnd())];
        }
        catch (CommandFailure)
        {
            // The stream of events is what the command lives on, and tells of a server that is gone.
            return [];
        }
    }

    /// <summary>
    /// The lines of the results, each with its line feed and valid until the next is asked for. Where the connection broke off, the
    /// download goes on at the line that had not arrived whole.
    /// </summary>
    /// <param name="id">The batch.</param>
    /// <param name="partial">Whether those are enough that there are so far.</param>
    /// <param name="from">Bytes that are here already.</param>
    /// <param name="cancellationToken">Ends the download.</param>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ResultLinesAsync(string id, bool partial, long from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var position = from;
        var isResumed = false;
        var contactAt = _time.GetTimestamp();
        var path = $"{PathOf(id)}/results{(partial ? "?partial=true" : "")}";
        while (true)
        {
            using var response = await OpenAsync(
                path,
                request => request.Headers.Range = position > 0 ? new RangeHeaderValue(position, null) : null,
                contactAt,
                isResumed,
                cancellationToken,
                HttpStatusCode.RequestedRangeNotSatisfiable);
            isResumed = true;
            if (response?.StatusCode is HttpStatusCode.RequestedRangeNotSatisfiable && response.Content.Headers.ContentRange?.Length == position)
            {
                yield break;
            }

            if (response is not null && position > 0 && response.StatusCode is not HttpStatusCode.PartialContent)
            {
                throw new CommandFailure($"The download of {id} broke off and cannot be taken up where it stopped. Start the same command again.");
            }

            if (response is not null)
            {
                await using var stream = new AttentiveStream(await response.Content.ReadAsStreamAsync(cancellationToken));
                var pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 128 << 10));
                ReadResult read = default;
                while (await TryAsync(async () => { read = await pipe.ReadAsync(cancellationToken); return true; }, cancellationToken))
                {
                    contactAt = _time.GetTimestamp();
                    var rest = read.Buffer;
                    while (rest.PositionOf((byte)'\n') is { } end)
                    {
                        var line = rest.Slice(0, rest.GetPosition(1, end));
                        position += line.Length;
                        rest = rest.Slice(line.End);
                        yield return line.IsSingleSegment ? line.First : line.ToArray();
                    }

                    pipe.AdvanceTo(rest.Start, rest.End);
                    if (read.IsCompleted && rest.IsEmpty)
                    {
                        yield break;
                    }

                    if (read.IsCompleted)
                    {
                        break;
                    }
                }
            }

            await Task.Delay(StreamRetry, _time, cancellationToken);
        }
    }

    public void Dispose() => _http.Dispose();

    private static string PathOf(string id) => $"{Batches}/{Uri.EscapeDataString(id)}";

    /// <summary>Opens a stream; null where that failed now and should be tried again.</summary>
    private async Task<HttpResponseMessage?> OpenAsync(
        string path, Action<HttpRequestMessage> prepare, long contactAt, bool isResumed, CancellationToken cancellationToken, HttpStatusCode? allowed = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        prepare(request);
        HttpResponseMessage? response = null;
        try
        {
            response = await SendAsync(request, cancellationToken);
            if (!response.IsSuccessStatusCode && response.StatusCode != allowed)
            {
                await ThrowAsync(response, cancellationToken);
            }

            return response;
        }
        catch (ServerUnreachable) when (isResumed && _time.GetElapsedTime(contactAt) < StreamPatience)
        {
            response?.Dispose();
            return null;
        }
        catch (ServerUnreachable failure) when (isResumed)
        {
            response?.Dispose();
            throw new ServerUnreachable($"{failure.Message} Start the same command again to go on.");
        }
        catch
        {
            response?.Dispose();
            throw;
        }
    }

    /// <summary>Takes a step on a stream; false where the stream broke off.</summary>
    private static async Task<bool> TryAsync(Func<Task<bool>> step, CancellationToken cancellationToken)
    {
        try
        {
            return await step();
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && exception is IOException or HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<JsonElement> CallAsync(HttpMethod method, string path, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(CallTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        using var request = new HttpRequestMessage(method, path);
        try
        {
            using var response = await SendAsync(request, either.Token);
            return await ReadAsync(response, either.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ServerUnreachable($"{_address} has not answered within {CallTimeout.TotalSeconds:0} s. `batchbus doctor` says what is wrong there.");
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (HttpRequestException exception) when (!cancellationToken.IsCancellationRequested)
        {
            var isConnection = exception.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError;
            throw isConnection
                ? new ServerUnreachable(
                    $"No server can be reached at {_address} ({Excerpt(exception)}). Start one with `batchbus serve`, or name another with --server or {ServerAccess.AddressVariable}.", wasSent: false)
                : new ServerUnreachable($"The connection to {_address} broke ({Excerpt(exception)}).");
        }
    }

    private static string Excerpt(HttpRequestException exception) => (exception.InnerException ?? exception).Message.TrimEnd('.');

    private async Task<JsonElement> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (!response.IsSuccessStatusCode)
        {
            await ThrowAsync(response, cancellationToken);
        }

        try
        {
            await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
            using var json = await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken);
            return json.RootElement.Clone();
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && exception is IOException or HttpRequestException)
        {
            throw new ServerUnreachable($"The connection to {_address} broke ({exception.Message.TrimEnd('.')}).");
        }
        catch (JsonException)
        {
            throw NotBatchBus();
        }
    }

    private async Task ThrowAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var message = await MessageAsync(response, cancellationToken);
        throw (int)response.StatusCode switch
        {
            401 => new CommandFailure(
                _hasKey
                    ? $"{_address} does not accept the API key in {ServerAccess.KeyVariable}. Set it to a key of that server; its operator makes one with `batchbus keys create`."
                    : $"{_address} wants an API key. Set {ServerAccess.KeyVariable} to one; its operator makes it with `batchbus keys create`.",
                ExitCodes.Unauthorized),
            404 => new CommandFailure(
                message.StartsWith("There is no message batch", StringComparison.Ordinal) ? $"{message} `batchbus list` shows the batches there are." : message, ExitCodes.NotFound),
            >= 500 => new ServerUnreachable($"{_address} cannot serve now: {message} `batchbus doctor` says what is wrong."),
            _ => new CommandFailure(message),
        };
    }

    /// <summary>The server's own words for an error.</summary>
    private async Task<string> MessageAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
            return body.RootElement.GetProperty("type").ValueEquals("error") ? body.RootElement.GetProperty("error").GetProperty("message").GetString()! : throw NotBatchBus();
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw NotBatchBus();
        }
    }

    private CommandFailure NotBatchBus() => new($"What answers at {_address} is not BatchBus. Name its address with --server or {ServerAccess.AddressVariable}.");

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
