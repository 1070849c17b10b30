namespace BatchBus.Orchestrator.Dispatch;

/// <summary>The configured workspaces by name; one that is not named has the defaults.</summary>
public sealed class WorkspaceWeights : Dictionary<string, WorkspaceOptions>
{
    /// <summary>A workspace's weight.</summary>
    public double Of(string workspace) => TryGetValue(workspace, out var options) ? options.Weight : new WorkspaceOptions().Weight;
}
