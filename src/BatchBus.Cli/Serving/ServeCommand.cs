using System.CommandLine;
using BatchBus.Host;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace BatchBus.Cli.Serving;

/// <summary><c>batchbus serve</c>: a BatchBus process until it is stopped.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var command = new Command("serve", "Listens for batches and executes them. Settings as --Name value, from the environment or from appsettings.json.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.SetAction((result, cancellationToken) => ServeAsync([.. result.UnmatchedTokens], cancellationToken));
        return command;
    }

    private static async Task<int> ServeAsync(string[] settings, CancellationToken cancellationToken)
    {
        try
        {
            await using var app = await BatchBusHost.BuildAsync(settings);
            await app.StartAsync(cancellationToken);
            await app.WaitForShutdownAsync(cancellationToken);
            return ExitCodes.Succeeded;
        }
        catch (Exception exception) when (exception is InvalidSettingsException or OptionsValidationException or ArgumentException)
        {
            await Console.Error.WriteLineAsync($"BatchBus cannot start: {exception.Message}");
            return ExitCodes.Failed;
        }
        catch (IOException exception)
        {
            await Console.Error.WriteLineAsync($"BatchBus cannot listen: {exception.Message} Choose another address with --urls.");
            return ExitCodes.Failed;
        }
    }
}
