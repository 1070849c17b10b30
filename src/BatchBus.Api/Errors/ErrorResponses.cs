using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace BatchBus.Api.Errors;

/// <summary>
/// Gives every answer a <c>request-id</c> and every failure the API's error shape:
/// <c>{"type":"error","error":{"type":…,"message":…},"request_id":…}</c>.
/// </summary>
internal sealed partial class ErrorResponses(RequestDelegate next, ILogger<ErrorResponses> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var requestId = $"req_{Guid.CreateVersion7():N}"[..28];
        context.TraceIdentifier = requestId;
        context.Response.Headers["request-id"] = requestId;
        try
        {
            await next(context);
            if (!context.Response.HasStarted && context.Response.ContentLength is null && context.Response.ContentType is null)
            {
                await ExplainBareStatusAsync(context);
            }
        }
        catch (ApiException error)
        {
            await WriteAsync(context, error);
        }
        catch (BadHttpRequestException error)
        {
            await WriteAsync(context, error.StatusCode switch
            {
                StatusCodes.Status408RequestTimeout => ApiException.TooSlow("The request body arrived too slowly, and was waited for no longer."),
                StatusCodes.Status413PayloadTooLarge => ApiException.TooLarge("The request body is larger than the server takes."),
                _ => new ApiException(error.StatusCode, "invalid_request_error", $"The request cannot be read: {error.Message}"),
            });
        }
        catch (Exception error) when (error is RedisException or RedisTimeoutException)
        {
            Log.StoreUnavailable(logger, requestId, error.GetType().Name, error.Message);
            await WriteAsync(context, ApiException.Overloaded("The batch store (Redis) cannot be reached at the moment. Try again shortly."));
        }
        catch (Exception error) when (error is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            Log.ClientLeft(logger, requestId);
        }
        catch (Exception error)
        {
            Log.Unexpected(logger, requestId, context.Request.Method, context.Request.Path, error);
            await WriteAsync(context, new ApiException(500, "api_error", $"An unexpected error. Quote {requestId} to the operator, whose log has the details."));
        }
    }

    private static Task ExplainBareStatusAsync(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => WriteAsync(context, ApiException.NotFound($"There is nothing at {context.Request.Path}. See /v1/messages/batches.")),
        StatusCodes.Status405MethodNotAllowed => WriteAsync(
            context, new ApiException(405, "invalid_request_error", $"{context.Request.Path} does not take {context.Request.Method}. It takes {context.Response.Headers.Allow}.")),
        _ => Task.CompletedTask,
    };

    private static async Task WriteAsync(HttpContext context, ApiException error)
    {
        if (context.Response.HasStarted)
        {
            // Part of the answer is on its way: only a broken connection tells the client that the rest is missing.
            context.Abort();
            return;
        }

        var response = context.Response;
        response.StatusCode = error.Status;
        response.ContentLength = null;
        response.ContentType = "application/json";
        if (error.RetryAfter is { } retryAfter)
        {
            response.Headers.RetryAfter = ((int)retryAfter.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        await using var json = new Utf8JsonWriter(response.BodyWriter);
        json.WriteStartObject();
        json.WriteString("type", "error");
        json.WriteStartObject("error");
        json.WriteString("type", error.Type);
        json.WriteString("message", error.Message);
        if (error.Code is not null)
        {
            json.WriteStartObject("details");
            json.WriteString("error_code", error.Code);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteString("request_id", context.TraceIdentifier);
        json.WriteEndObject();
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{RequestId}: Redis cannot be reached ({Error}: {Message})")]
        public static partial void StoreUnavailable(ILogger logger, string requestId, string error, string message);

        [LoggerMessage(LogLevel.Debug, "{RequestId}: the client left before the answer was complete")]
        public static partial void ClientLeft(ILogger logger, string requestId);

        [LoggerMessage(LogLevel.Error, "{RequestId}: {Method} {Path} failed unexpectedly")]
        public static partial void Unexpected(ILogger logger, string requestId, string method, string path, Exception exception);
    }
}
