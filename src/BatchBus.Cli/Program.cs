using System.CommandLine;
using BatchBus.Cli.Serving;

var root = new RootCommand("BatchBus runs Anthropic Message Batches on your own models.")
{
    ServeCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
