namespace BatchBus.Cli.Running;

/// <summary>A run cannot go on; the message says what is wrong and what to do.</summary>
internal sealed class RunFailure(string message) : Exception(message);
