using BatchBus.Simulator.Chat;

namespace BatchBus.Simulator.Jobs;

/// <summary>One RunPod job; its state belongs to its <see cref="JobEndpoint"/> and is read and changed under that one's lock.</summary>
#pragma warning disable CA1001 // The source has neither a timer nor a wait handle: there is nothing to dispose of.
internal sealed class Job
#pragma warning restore CA1001
{
    private readonly CancellationTokenSource _stop = new();

    public string Id { get; } = $"{Guid.NewGuid()}-u1";

    public required string CompletionId { get; init; }

    /// <summary>What to answer; null for a job that failed on arrival.</summary>
    public ChatRequest? Request { get; init; }

    public string? Error { get; set; }

    /// <summary>What a scenario has in store for it.</summary>
    public SimulatedFault? Fault { get; init; }

    /// <summary>Its execution in the log; the last one, where there were two.</summary>
    public required SimulatorLog.Ticket Ticket { get; set; }

    public required DateTimeOffset Submitted { get; init; }

    public required TimeSpan ExecutionTimeout { get; init; }

    /// <summary>From when on the job is unknown, whatever its state.</summary>
    public required DateTimeOffset Expires { get; set; }

    public JobStatus Status { get; set; }

    public string? WorkerId { get; set; }

    public int Retries { get; set; }

    /// <summary>How often its status was told to go backwards since it began to run, or since it ended.</summary>
    public int BackwardSteps { get; set; }

    public DateTimeOffset Started { get; set; }

    public DateTimeOffset Ended { get; set; }

    /// <summary>Ends the job's waits.</summary>
    public CancellationToken Stopped => _stop.Token;

    public bool IsOpen => Status is JobStatus.InQueue or JobStatus.InProgress;

    public void Stop() => _stop.Cancel();
}
