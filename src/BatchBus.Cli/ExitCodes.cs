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
}
