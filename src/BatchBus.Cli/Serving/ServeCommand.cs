using System.CommandLine;
using BatchBus.Host;
using Microsoft.Extensions.Hosting;

namespace BatchBus.Cli.Serving;

/// <summary><c>batchbus serve</c>: a BatchBus process until it is stopped.</summary>
internal static class ServeCommand
{
    private static readonly string[] Settings = ["BatchBus:", "ConnectionStrings:", "Kestrel:", "urls", "environment", "contentRoot"];

    public static Command Create()
    {
        var urls = new Option<string?>("--urls")
        {
            Description = "Addresses to listen on, separated by semicolons. [default: http://127.0.0.1:8080]",
            HelpName = "URL",
        };
        var command = new Command(
            "serve",
            """
            Listens for batches and executes them until it is stopped.

            Settings come from appsettings.json, the environment (BatchBus__DataDirectory=/var/lib/batchbus)
            or the command line (--BatchBus:DataDirectory /var/lib/batchbus).
            """)
        {
            urls,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction((result, cancellationToken) => ServeAsync(
            result.GetValue(urls) is { } given ? [.. result.UnmatchedTokens, "--urls", given] : [.. result.UnmatchedTokens], cancellationToken));
        return command;
    }

    /// <summary>The first token that the configuration would silently ignore.</summary>
    public static string? FirstStranger(IReadOnlyList<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            if (!tokens[i].StartsWith("--", StringComparison.Ordinal)
                || !Settings.Any(setting => tokens[i].AsSpan(2).StartsWith(setting, StringComparison.OrdinalIgnoreCase)))
            {
                return tokens[i];
            }

            if (!tokens[i].Contains('=', StringComparison.Ordinal) && ++i == tokens.Count)
            {
                return tokens[i - 1];
            }
        }

        return null;
    }

    private static async Task<int> ServeAsync(string[] settings, CancellationToken cancellationToken)
    {
        if (FirstStranger(settings) is { } stranger)
        {
            await Console.Error.WriteLineAsync(
                $"'{stranger}' is no option of serve. Settings are written as --BatchBus:Name value or --ConnectionStrings:Name value, "
                + "such as --BatchBus:Models:mistral-7b:BaseUrl http://localhost:11434/v1.\nSee `batchbus serve --help`.");
            return ExitCodes.Failed;
        }

        try
        {
            await using var app = await BatchBusHost.BuildAsync(settings);
            try
            {
                await app.StartAsync(cancellationToken);
            }
            catch
            {
                // What had started is stopped in order, or it would report as a failure that its servers go.
                await app.StopAsync(CancellationToken.None);
                throw;
            }

            await app.WaitForShutdownAsync(cancellationToken);
            return ExitCodes.Succeeded;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCodes.Succeeded;
        }
        catch (Exception exception) when (StartFailure.Explain(exception) is { } explanation)
        {
            await Console.Error.WriteLineAsync(explanation);
            return ExitCodes.Failed;
        }
    }
}
