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
        using var timer = new CancellationTokenSource(timeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timer.Token);
        try
        {
            using var response = await send(either.Token);
            await response.Content.LoadIntoBufferAsync(LargestReply, either.Token);
            var body = await response.Content.ReadAsByteArrayAsync(either.Token);

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
            return (null, timer.IsCancellationRequested
                ? EndpointFailure.Failed(InferenceError.Timeout, $"no answer within {timeout}")
                : EndpointFailure.Failed(InferenceError.Unreachable, "no connection within the time allowed"));
        }
        catch (Exception exception) when (exception is ApiRequestException or HttpRequestException or IOException)
        {
            return (null, FromTransport(exception));
        }
    }

    private static InferenceOutcome.Failed FromTransport(Exception exception)
    {
        var error = (exception as HttpRequestException ?? exception.InnerException as HttpRequestException)?.HttpRequestError;
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
