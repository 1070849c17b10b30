namespace BatchBus.Simulator;

/// <summary>One line of the log: a call to a model.</summary>
/// <param name="Key"><see cref="SimulatedAnswer.KeyOf"/> of its messages; 0 where they could not be read.</param>
/// <param name="Model">The model that it asked for, or the first served one.</param>
/// <param name="Protocol">By which protocol it came.</param>
/// <param name="Start">When its body had arrived, from the start of the server.</param>
/// <param name="End">When it was about to be answered or ended otherwise; null while it is open.</param>
/// <param name="Outcome">What became of it.</param>
public readonly record struct SimulatedCall(
    ulong Key, string Model, SimulatedProtocol Protocol, TimeSpan Start, TimeSpan? End, SimulatedOutcome Outcome)
{
    /// <summary>The endpoint that it came to: the <c>{endpoint}</c> of <c>/v2/{endpoint}</c>, or <c>v1</c>.</summary>
    public string Endpoint { get; init; } = "v1";

    /// <summary>When it began to run, on the clock of <see cref="Start"/>; null while it waits, and for a call that never ran.</summary>
    public TimeSpan? Began { get; init; }

    /// <summary>Whether it failed because a scenario made it fail: a fault, or a dead worker.</summary>
    public bool IsFault { get; init; }

    /// <summary>Whether the call had arrived and had not ended at a time of <see cref="SimulatorLog.Now"/>.</summary>
    public bool WasOpenAt(TimeSpan time) => Start <= time && !(End <= time);
}
