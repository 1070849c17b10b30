using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using BatchBus.Cli;
using BatchBus.Cli.Batches;
using BatchBus.Cli.Doctor;
using BatchBus.Cli.Keys;
using BatchBus.Cli.Running;
using BatchBus.Cli.RunPod;
using BatchBus.Cli.Serving;
using BatchBus.Cli.Simulating;

var root = new RootCommand("BatchBus runs Anthropic Message Batches on your own models.")
{
    RunCommand.Create(),
    ServeCommand.Create(),
    SubmitCommand.Create(),
    WatchCommand.Create(),
    ResultsCommand.Create(),
    ListCommand.Create(),
    CancelCommand.Create(),
    RetryFailedCommand.Create(),
    ExplainCommand.Create(),
    DoctorCommand.Create(),
    SimulateCommand.Create(),
    KeysCommand.Create(),
    RunPodCommand.Create(),
};
root.SetAction(result => new HelpAction().Invoke(result));

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors)
    {
        await Console.Error.WriteLineAsync(error.Message);
    }

    var path = "";
    for (var result = parsed.CommandResult; result.Parent is CommandResult parent; result = parent)
    {
        path = $"{result.Command.Name} {path}";
    }

    await Console.Error.WriteLineAsync($"See `batchbus {path}--help`.");
    return ExitCodes.Failed;
}

// Stopping takes as long as the host's own limit allows; a limit here would cut it short.
return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(40) });
