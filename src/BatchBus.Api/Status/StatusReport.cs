using System.Text.Json.Serialization;
using BatchBus.Api.Batches.Follow;
using BatchBus.Api.Usage;

namespace BatchBus.Api.Status;

/// <summary>How the installation is, and what a workspace has to do and has done today.</summary>
/// <param name="Workspace">The workspace.</param>
/// <param name="At">When the store was last read; what follows <paramref name="Problems"/> is of that moment. Null while it never was.</param>
/// <param name="Problems">What is wrong now, the worst first; empty where nothing is.</param>
/// <param name="OpenBatches">The workspace's batches that have not ended.</param>
/// <param name="Batches">The newest of them, newest first.</param>
/// <param name="Models">Every model of the catalogue.</param>
/// <param name="Endpoints">Every endpoint, for all workspaces together.</param>
/// <param name="Usage">What the workspace used today.</param>
internal sealed record StatusReport(
    string Workspace,
    DateTimeOffset? At,
    IReadOnlyList<Problem> Problems,
    int OpenBatches,
    IReadOnlyList<OpenBatch> Batches,
    IReadOnlyList<ModelReport> Models,
    IReadOnlyList<EndpointReport> Endpoints,
    UsageReport? Usage);

/// <summary>Something that is wrong with the installation.</summary>
/// <param name="Part">What it is about.</param>
/// <param name="Severity"><c>problem</c> where work stands still or is refused, otherwise <c>warning</c>.</param>
/// <param name="Description">What is wrong.</param>
/// <param name="Remedy">What to do; null where the description says it.</param>
internal sealed record Problem(string Part, string Severity, string Description, string? Remedy)
{
    public const string Error = "problem";
    public const string Warning = "warning";
}

/// <summary>A batch that has not ended.</summary>
/// <param name="Progress">How far it is.</param>
/// <param name="ProcessingStatus"><c>in_progress</c> or <c>canceling</c>.</param>
/// <param name="Stage">The stage of the whole batch; null for none.</param>
/// <param name="CreatedAt">When it was created.</param>
/// <param name="ExpiresAt">When requests without a result become expired.</param>
internal sealed record OpenBatch(BatchProgress Progress, string ProcessingStatus, string? Stage, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt);

/// <summary>What one model does.</summary>
/// <param name="Model">The model of the catalogue.</param>
/// <param name="DisplayName">Its name for people.</param>
/// <param name="Simulated">Whether the simulator answers for it.</param>
/// <param name="Workers">Workers that are alive.</param>
/// <param name="Waiting">The workspace's requests that have no result and are not in flight.</param>
/// <param name="InFlight">The workspace's requests that are being answered; an estimate where workspaces share the model.</param>
/// <param name="RequestsPerSecond">The workspace's requests per second that lately got their results; null while that is not known.</param>
/// <param name="OldestAt">When the oldest batch was created that has requests to do; null for none.</param>
internal sealed record ModelReport(
    string Model, string DisplayName, bool Simulated, int Workers, int Waiting, int InFlight, double? RequestsPerSecond, DateTimeOffset? OldestAt);

/// <summary>How an endpoint is.</summary>
/// <param name="Endpoint">Its name: that of its model, of a further one with its rank.</param>
/// <param name="Model">The model that it serves.</param>
/// <param name="Protocol">How it is spoken to.</param>
/// <param name="State"><c>in_use</c>, <c>out_of_use</c>, <c>stopped</c> until somebody mends it, or <c>no_worker</c>.</param>
/// <param name="InFlight">Calls under way.</param>
/// <param name="Limit">Calls that may be under way now.</param>
/// <param name="MaxInFlight">The limit that is set; null for none.</param>
/// <param name="Since">Since when it is out of use.</param>
/// <param name="Reason">Why.</param>
/// <param name="Remedy">What to do about it.</param>
internal sealed record EndpointReport(
    string Endpoint, string Model, string Protocol, string State, int InFlight, int Limit, int? MaxInFlight, DateTimeOffset? Since, string? Reason, string? Remedy)
{
    public const string InUse = "in_use";
    public const string OutOfUse = "out_of_use";
    public const string Stopped = "stopped";
    public const string NoWorker = "no_worker";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(StatusReport))]
internal sealed partial class StatusReportJson : JsonSerializerContext;
