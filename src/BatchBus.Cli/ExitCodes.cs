namespace BatchBus.Cli;

/// <summary>What the commands tell a script.</summary>
internal static class ExitCodes
{
    /// <summary>Everything succeeded.</summary>
    public const int Succeeded = 0;

    /// <summary>The command could not do its work.</summary>
    public const int Failed = 1;

    /// <summary>The batch ended, but not every request of it succeeded.</summary>
    public const int SomeNotSucceeded = 2;

    /// <summary>A dry run found something to change.</summary>
    public const int WouldChange = 2;

    /// <summary>The doctor found a problem.</summary>
    public const int ProblemsFound = 2;

    /// <summary>No server answers, or it cannot serve now.</summary>
    public const int ServerNotReached = 3;

    /// <summary>The server knows no such batch or request.</summary>
    public const int NotFound = 4;

    /// <summary>The server does not accept the API key.</summary>
    public const int Unauthorized = 5;

    /// <summary>The codes of the commands that talk to a server, for their help.</summary>
    public const string Help = "1 when it failed, 3 when the server was not reached, 4 when there is no such batch, 5 when the API key was refused.";
}
