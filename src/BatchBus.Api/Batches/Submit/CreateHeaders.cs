using System.Globalization;
using BatchBus.Api.Errors;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Batches.Submit;

/// <summary>What the headers of a create say of its repetition.</summary>
/// <param name="IdempotencyKey">The caller's own name for the create; null where it gave none.</param>
/// <param name="IsRetry">Whether the client says that it has sent the create before.</param>
/// <param name="Timeout">How long the client waits for an answer.</param>
internal sealed record CreateHeaders(string? IdempotencyKey, bool IsRetry, TimeSpan Timeout)
{
    private const int MaxKeyLength = 255;
    private const int DefaultTimeout = 600;
    private const int MaxTimeout = 3600;

    public static CreateHeaders Read(HttpRequest request) => new(
        ReadKey(request),
        int.TryParse(request.Headers["x-stainless-retry-count"], NumberStyles.None, CultureInfo.InvariantCulture, out var retries) && retries > 0,
        TimeSpan.FromSeconds(
            double.TryParse(request.Headers["x-stainless-timeout"], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
                ? Math.Clamp(seconds, 1, MaxTimeout)
                : DefaultTimeout));

    private static string? ReadKey(HttpRequest request)
    {
        var values = request.Headers["Idempotency-Key"];
        if (values.Count == 0)
        {
            return null;
        }

        return values is [{ Length: >= 1 and <= MaxKeyLength } key] && key.All(character => character is > ' ' and <= '~')
            ? key
            : throw ApiException.InvalidRequest($"Idempotency-Key: Input should be one value of 1 to {MaxKeyLength} visible ASCII characters");
    }
}
