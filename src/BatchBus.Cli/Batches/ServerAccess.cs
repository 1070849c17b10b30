using System.CommandLine;

namespace BatchBus.Cli.Batches;

/// <summary>Where the server is, and the key for it.</summary>
internal static class ServerAccess
{
    public const string AddressVariable = "BATCHBUS_URL";

    /// <summary>A variable of its own: a key for Anthropic's API in its own variable is not to be sent to another server by itself.</summary>
    public const string KeyVariable = "BATCHBUS_API_KEY";

    private const string DefaultAddress = "http://127.0.0.1:8080";

    /// <summary>What a command's help says of its surroundings.</summary>
    public const string Help = $"The server's API key is read from {KeyVariable}.";

    public static Option<string?> AddressOption()
    {
        var option = new Option<string?>("--server")
        {
            Description = $"Address of the server. [default: {AddressVariable}, otherwise {DefaultAddress}]",
            HelpName = "URL",
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } address && !IsAddress(address))
            {
                result.AddError($"--server {address}: write it as an address such as {DefaultAddress}.");
            }
        });
        return option;
    }

    public static Option<bool> JsonOption(string description) => new("--json") { Description = description };

    /// <summary>The address that was given by the option or by the environment; null for neither.</summary>
    /// <exception cref="CommandFailure">The environment holds no address.</exception>
    public static string? Given(string? option)
    {
        if (option is not null)
        {
            return option;
        }

        var variable = Environment.GetEnvironmentVariable(AddressVariable);
        return string.IsNullOrWhiteSpace(variable) ? null
            : IsAddress(variable) ? variable
            : throw new CommandFailure($"{AddressVariable} is '{variable}'. Set it to an address such as {DefaultAddress}.");
    }

    public static BatchClient Connect(string? option)
        => new(Given(option) ?? DefaultAddress, Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } key ? key : null, TimeProvider.System);

    private static bool IsAddress(string text) => Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https";
}
