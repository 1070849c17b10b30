using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Keys;

/// <summary>Who calls, once the key has been recognised.</summary>
/// <param name="Workspace">The workspace whose batches it can see and make.</param>
/// <param name="KeyId">Tells keys apart; not a secret.</param>
/// <param name="RequestsPerMinute">Most calls in one minute.</param>
/// <param name="MaxWaitingRequests">Most requests of the workspace that may wait when the key adds a batch.</param>
/// <param name="SmallestWaiting">The smallest such limit of any key of the workspace; null where none has one, so that nothing needs to be counted.</param>
internal sealed record Caller(string Workspace, string KeyId, int? RequestsPerMinute, int? MaxWaitingRequests, int? SmallestWaiting);

/// <summary>The caller of a request.</summary>
internal static class Callers
{
    private static readonly object Item = new();

    public static void SetCaller(this HttpContext context, Caller caller) => context.Items[Item] = caller;

    public static Caller Caller(this HttpContext context)
        => context.Items[Item] as Caller ?? throw new InvalidOperationException("The request has not been authenticated.");

    public static string Workspace(this HttpContext context) => context.Caller().Workspace;
}
