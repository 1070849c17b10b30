namespace BatchBus.Cli;

/// <summary>A command cannot go on; the message says what is wrong and what to do.</summary>
internal class CommandFailure(string message, int exitCode = ExitCodes.Failed) : Exception(message)
{
    /// <summary>What the process tells a script.</summary>
    public int ExitCode => exitCode;
}
