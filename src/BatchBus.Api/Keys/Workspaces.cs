using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Keys;

/// <summary>The workspace of a request, once its key has been recognised.</summary>
internal static class Workspaces
{
    private static readonly object Item = new();

    public static void SetWorkspace(this HttpContext context, string workspace) => context.Items[Item] = workspace;

    public static string Workspace(this HttpContext context)
        => context.Items[Item] as string ?? throw new InvalidOperationException("The request has not been authenticated.");
}
