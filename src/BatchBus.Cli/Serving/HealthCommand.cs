using System.CommandLine;

namespace BatchBus.Cli.Serving;

/// <summary><c>batchbus health</c>: whether a BatchBus process is ready, for images without a shell or curl.</summary>
internal static class HealthCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    public static Command Create()
    {
        var url = new Option<Uri>("--url")
        {
            Description = "Where the process listens.",
            HelpName = "URL",
            DefaultValueFactory = _ => new Uri("http://127.0.0.1:8080"),
            CustomParser = result =>
            {
                if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var given) && given.Scheme is "http" or "https")
                {
                    return given;
                }

                result.AddError($"--url is '{result.Tokens[0].Value}' and should be an address such as http://127.0.0.1:8080.");
                return null;
            },
        };
        var command = new Command("health", "Asks a BatchBus process whether it is ready, for the health checks of containers. Exit code: 0 when it is, otherwise 1.") { url };
        command.SetAction((result, cancellationToken) => AskAsync(result.GetValue(url)!, cancellationToken));
        return command;
    }

    private static async Task<int> AskAsync(Uri url, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = url, Timeout = Patience };
        try
        {
            using var response = await http.GetAsync(new Uri("/health/ready", UriKind.Relative), cancellationToken);
            await Console.Out.WriteLineAsync(await response.Content.ReadAsStringAsync(cancellationToken));
            return response.IsSuccessStatusCode ? ExitCodes.Succeeded : ExitCodes.Failed;
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            await Console.Error.WriteLineAsync($"Nothing answers at {url}: {exception.Message}");
            return ExitCodes.Failed;
        }
    }
}
