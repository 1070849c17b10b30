using System.CommandLine;
using System.CommandLine.Help;
using BatchBus.Cli;
using BatchBus.Cli.Batches;
using BatchBus.Cli.Doctor;
using BatchBus.Cli.Keys;
using BatchBus.Cli.Running;
using BatchBus.Cli.RunPod;
using BatchBus.Cli.Serving;
using BatchBus.Cli.Simulating;

var root = new RootCommand(
    $"""
    BatchBus runs Anthropic Message Batches on your own models. `batchbus COMMAND --help` says more of a command.

    Exit code: 0 when it was done, 2 when not every request of the batch succeeded or a problem was found;
    {ExitCodes.Help}
    """)
{
    RunCommand.Create(),
    ServeCommand.Create(),
    HealthCommand.Create(),
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
var help = new HelpPage(new HelpAction());
root.Options.OfType<HelpOption>().Single().Action = help;
root.SetAction(help.Invoke);

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    return await Mistakes.ExplainAsync(parsed);
}

// Stopping takes as long as the host's own limit allows; a limit here would cut it short.
return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(40) });
