using System.Text.RegularExpressions;
using BatchBus.Api.Errors;
using BatchBus.Storage.Limits;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace BatchBus.Api.Keys;

/// <summary>What every call must pass before it is looked at: its key, the version of its headers, its key's rate.</summary>
internal sealed partial class CallerCheck(ApiKeyRing keys, LimitStore limits, IOptions<ApiOptions> options)
{
    public async Task LetInAsync(HttpContext context)
    {
        var caller = keys.Authenticate(context.Request);
        context.SetCaller(caller);

        // A header takes ASCII only, a setting anything.
        context.Response.Headers["anthropic-workspace-id"] = Uri.EscapeDataString(caller.Workspace);
        CheckVersion(context.Request);
        if (caller.RequestsPerMinute is { } perMinute && await limits.CountCallAsync(caller.KeyId, perMinute) is { } left)
        {
            throw ApiException.RateLimited($"This API key may make {perMinute} requests per minute. Wait until `retry-after` has passed.", left);
        }
    }

    private void CheckVersion(HttpRequest request)
    {
        var versions = request.Headers["anthropic-version"];
        if (versions.Count == 0)
        {
            if (options.Value.RequireAnthropicVersion)
            {
                throw ApiException.InvalidRequest("anthropic-version: header is required");
            }

            return;
        }

        foreach (var version in versions)
        {
            if (version is null || !Version().IsMatch(version))
            {
                throw ApiException.InvalidRequest("anthropic-version: Input should be a date such as 2023-06-01");
            }
        }
    }

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Version();
}
