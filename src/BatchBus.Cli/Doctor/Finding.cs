namespace BatchBus.Cli.Doctor;

/// <summary>What a check came to.</summary>
/// <param name="Check">What was looked at.</param>
/// <param name="Status">How it is.</param>
/// <param name="What">One line: what is so, or what is wrong.</param>
/// <param name="Remedy">One line: what to do; null where there is nothing to be done.</param>
internal sealed record Finding(string Check, FindingStatus Status, string What, string? Remedy = null)
{
    public static Finding Ok(string check, string what) => new(check, FindingStatus.Ok, what);

    public static Finding Warning(string check, string what, string remedy) => new(check, FindingStatus.Warning, what, remedy);

    public static Finding Problem(string check, string what, string remedy) => new(check, FindingStatus.Problem, what, remedy);
}

/// <summary>How something is.</summary>
internal enum FindingStatus
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>BatchBus works, and something about it should be known.</summary>
    Warning,

    /// <summary>BatchBus does not work as it should.</summary>
    Problem,
}
