namespace BatchBus.Cli;

/// <summary>No server answers, or it cannot serve now.</summary>
/// <param name="message">What is wrong and what to do.</param>
/// <param name="wasSent">Whether the server may have got the request.</param>
internal sealed class ServerUnreachable(string message, bool wasSent = true) : CommandFailure(message, ExitCodes.ServerNotReached)
{
    /// <summary>Whether the server may have got the request.</summary>
    public bool WasSent => wasSent;
}
