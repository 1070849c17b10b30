namespace BatchBus.Cli.RunPod;

/// <summary>The command cannot go on; the message says what is wrong and what to do.</summary>
internal sealed class RunPodFailure(string message, bool mayHaveHappened = false) : Exception(message)
{
    /// <summary>Whether RunPod may have done what was asked in spite of the error.</summary>
    public bool MayHaveHappened { get; } = mayHaveHappened;
}
