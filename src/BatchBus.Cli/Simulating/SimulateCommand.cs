using System.CommandLine;
using BatchBus.Simulator;

namespace BatchBus.Cli.Simulating;

/// <summary><c>batchbus simulate</c>: the simulated model endpoint as a process of its own.</summary>
internal static class SimulateCommand
{
    public static Command Create()
    {
        var urls = new Option<string>("--urls")
        {
            Description = "Address to listen on; port 0 takes a free one.",
            HelpName = "URL",
            DefaultValueFactory = _ => "http://127.0.0.1:8000",
        };
        var latency = new Option<SimulatedLatency>("--latency")
        {
            Description = "How long a call takes: 20ms, fixed:20ms, or lognormal:MEDIAN,SIGMA. [default: lognormal:400ms,0.3]",
            HelpName = "TIME",
            CustomParser = result =>
            {
                if (!SimulatedLatency.TryParse(result.Tokens[0].Value, out var value, out var error))
                {
                    result.AddError(error);
                }

                return value;
            },
        };
        var apiKey = new Option<string?>("--api-key") { Description = "Key that callers must send as bearer token.", HelpName = "KEY" };
        var command = new Command("simulate", "Serves simulated models (OpenAI-style and RunPod's job interface) until it is stopped. Every answer says that it is simulated.")
        {
            urls,
            latency,
            apiKey,
        };
        command.SetAction((result, cancellationToken) => SimulateAsync(
            new SimulatorOptions
            {
                Url = result.GetValue(urls)!,
                Latency = result.GetResult(latency) is null ? SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(400), 0.3) : result.GetValue(latency),
                ApiKey = result.GetValue(apiKey),
            },
            cancellationToken));
        return command;
    }

    private static async Task<int> SimulateAsync(SimulatorOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await using var simulator = await SimulatorServer.StartAsync(options, cancellationToken);
            var address = simulator.BaseAddress.AbsoluteUri.TrimEnd('/');
            Console.WriteLine(
                $"""
                The simulator listens on {address}
                  {address}/v1               OpenAI-style
                  {address}/v2/<any id>      RunPod's job interface
                  {address}/simulator/log    every call so far
                  {address}/simulator/endpoints/<id>   PUT here what goes wrong on an endpoint
                """);
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return ExitCodes.Succeeded;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Succeeded;
        }
        catch (Exception exception) when (exception is IOException or FormatException or InvalidOperationException)
        {
            await Console.Error.WriteLineAsync($"The simulator cannot listen: {exception.Message} Choose another address with --urls.");
            return ExitCodes.Failed;
        }
    }
}
