namespace BatchBus.Cli.RunPod;

/// <summary>Where RunPod is and the key for it, as the environment says.</summary>
internal sealed record RunPodAccess(string? Key, Uri Management, Uri Jobs)
{
    public const string KeyVariable = "RUNPOD_API_KEY";
    public const string ManagementVariable = "RUNPOD_API_URL";
    public const string JobsVariable = "RUNPOD_JOBS_URL";

    /// <exception cref="RunPodFailure">A variable holds what cannot be used.</exception>
    public static RunPodAccess FromEnvironment()
    {
        var key = Environment.GetEnvironmentVariable(KeyVariable);
        if (key.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            throw new RunPodFailure($"{KeyVariable} holds a blank, a line break or a character outside ASCII. Set the bare key.");
        }

        return new RunPodAccess(
            string.IsNullOrEmpty(key) ? null : key,
            Address(ManagementVariable, "https://api.runpod.io"),
            Address(JobsVariable, "https://api.runpod.ai"));
    }

    // The key goes with every request: never in the clear over a network.
    private static Uri Address(string variable, string usual)
    {
        var value = Environment.GetEnvironmentVariable(variable);
        return Uri.TryCreate(string.IsNullOrEmpty(value) ? usual : value, UriKind.Absolute, out var address)
            && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback))
            && address.UserInfo.Length == 0 && address.Query.Length == 0
                ? address
                : throw new RunPodFailure($"{variable} is no https address (http on loopback). Leave it unset for RunPod's own.");
    }
}
