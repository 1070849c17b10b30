namespace BatchBus.Orchestrator.Dispatch;

/// <summary>What a workspace may have; section <c>BatchBus:Workspaces:{name}</c>.</summary>
public sealed class WorkspaceOptions
{
    /// <summary>The section that holds all workspaces.</summary>
    public const string Section = "BatchBus:Workspaces";

    /// <summary>How much of a model's slots the workspace gets beside others, while both have work. Holds for batches that begin from then on.</summary>
    /// <value>1; from 0.01 to 100.</value>
    public double Weight { get; set; } = 1;
}
