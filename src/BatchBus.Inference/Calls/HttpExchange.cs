using System.Net.Http.Headers;
using System.Text.Unicode;
using BatchBus.Inference.Errors;
using Refit;

namespace BatchBus.Inference.Calls;

/// <summary>Makes one HTTP call to its end within its time, and sorts what can go wrong before there is a status.</summary>
internal static class HttpExchange
{
    // Above RunPod's own bound on a result, and far above any text.
    private const long LargestReply = 32 * 1024 * 1024;

    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromHours(1);

    /// <exception cref="OperationCanceledException">The caller's token was canceled, or the call came too late to be made.</exception>
    public static async Task<(HttpReply? Reply, InferenceOutcome.Failed? Failure)> SendAsync(
        Func<HttpContent, CancellationToken, Task<HttpResponseMessage>> send,
        CallBody body,
        TimeSpan timeout,
        TimeProvider timeProvider,
        CancellationToken cancellationToken)
    {
        var result = await SendAsync(token => send(body, token), timeout, timeProvider, cancellationToken);
        return body.IsWithdrawn ? throw new OperationCanceledException("The call came too late.") : result;
    }

    /// <exception cref="OperationCanceledException">The caller's token was canceled.</exception>
    public static async Task<(HttpReply? Reply, InferenceOutcome.Failed? Failure)> SendAsync(
        Func<CancellationToken, Task<HttpResponseMessage>> send,
        TimeSpan timeout,
        TimeProvider timeProvider,
        CancellationToken cancellationToken)
    {
        using var over = new CancellationTokenSource(timeout, timeProvider);
        await using var canceled = cancellationToken.UnsafeRegister(static over => ((CancellationTokenSource)over!).Cancel(), over);
        try
        {
            using var response = await send(over.Token);
            var body = await ReadAsync(response.Content, over.Token);

            // An error page in another encoding still has its status; its text is of no use.
            ReadOnlyMemory<byte> readable = Utf8.IsValid(body) ? body : default;
            return (new HttpReply((int)response.StatusCode, readable, RetryAfterOf(response.Headers, timeProvider)), null);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return (null, over.IsCancellationRequested
                ? EndpointFailure.Failed(InferenceError.Timeout, $"no answer within {timeout}")
                : EndpointFailure.Failed(InferenceError.Unreachable, "no connection within the time allowed"));
        }
        catch (Exception exception) when (exception is ApiRequestException or HttpRequestException or IOException)
        {
            return (null, FromTransport(exception));
        }
    }

    private static async Task<byte[]> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength is { } length and <= LargestReply)
        {
            var body = new byte[length];
            await using var stream = await content.ReadAsStreamAsync(cancellationToken);
            await stream.ReadExactlyAsync(body, cancellationToken);
            return body;
        }

        await content.LoadIntoBufferAsync(LargestReply, cancellationToken);
        return await content.ReadAsByteArrayAsync(cancellationToken);
    }

    private static InferenceOutcome.Failed FromTransport(Exception exception)
    {
        var error = (exception as HttpRequestException ?? exception.InnerException as HttpRequestException)?.HttpRequestError
            ?? (exception as HttpIOException)?.HttpRequestError;
        return error switch
        {
            HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError
                or HttpRequestError.ProxyTunnelError => EndpointFailure.Failed(InferenceError.Unreachable, $"no connection ({error})"),
            HttpRequestError.ConfigurationLimitExceeded => EndpointFailure.UnusableReply("the reply is too large"),
            _ => EndpointFailure.Failed(InferenceError.ConnectionLost, $"the connection broke ({error ?? HttpRequestError.Unknown})"),
        };
    }

    private static TimeSpan? RetryAfterOf(HttpResponseHeaders headers, TimeProvider timeProvider)
    {
        var asked = headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - timeProvider.GetUtcNow(),
            _ => (TimeSpan?)null,
        };
        return asked is { } time ? TimeSpan.FromTicks(Math.Clamp(time.Ticks, 0, LongestRetryAfter.Ticks)) : null;
    }
}
