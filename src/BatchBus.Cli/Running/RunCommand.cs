using System.CommandLine;

namespace BatchBus.Cli.Running;

/// <summary><c>batchbus run</c>: one file of requests, from start to results, in this process.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "Requests as JSON Lines: {\"custom_id\": …, \"params\": {…}}, optionally \"metadata\": {\"model_hint\": …, \"stage\": …}." };
        var stage = new Option<string?>("--stage") { Description = "Stage of the whole batch, such as sales_intel; chooses the model where a request does not.", HelpName = "STAGE" };
        var endpoints = Pairs("--endpoint", "MODEL=URL", "An OpenAI-compatible server for a model, such as mistral-7b=http://localhost:11434/v1. Repeatable. Models without one are simulated.");
        var served = Pairs("--served-model", "MODEL=NAME", "The name by which the server knows the model, such as mistral-7b=mistral:7b. Repeatable.");
        var output = new Option<string?>("--output") { Description = "Where the results go. [default: <name of FILE>.results.jsonl in the current folder]", HelpName = "FILE" };
        var data = new Option<string?>("--data") { Description = "Folder that keeps the batches. [default: .batchbus in the current folder]", HelpName = "DIR" };
        var again = new Option<bool>("--again") { Description = "Runs a file anew that has been run to its end. Without it, its results are written again." };
        var command = new Command(
            "run",
            """
            Runs a file of requests and writes their results: starts everything in this process, submits the file, shows
            progress and prints a summary. Interrupted and started again on the same file, it resumes.

            Exit code: 0 when every request succeeded, 2 when some did not, 1 when the run failed or was interrupted.
            """)
        {
            file,
            stage,
            endpoints,
            served,
            output,
            data,
            again,
        };
        command.SetAction((result, cancellationToken) =>
        {
            var path = result.GetValue(file)!;
            var options = new RunOptions(
                path,
                result.GetValue(stage),
                result.GetValue(endpoints)!,
                result.GetValue(served)!,
                Path.GetFullPath(result.GetValue(output) ?? $"{Path.GetFileNameWithoutExtension(path)}.results.jsonl"),
                result.GetValue(data),
                result.GetValue(again));
            return new BatchRun(options, Terminal.Output(), TimeProvider.System).ExecuteAsync(cancellationToken);
        });
        return command;
    }

    private static Option<IReadOnlyDictionary<string, string>> Pairs(string name, string form, string description) => new(name)
    {
        Description = description,
        HelpName = form,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => new Dictionary<string, string>(),
        CustomParser = result =>
        {
            var pairs = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            foreach (var token in result.Tokens)
            {
                var separator = token.Value.IndexOf('=', StringComparison.Ordinal);
                if (separator < 1 || separator == token.Value.Length - 1)
                {
                    result.AddError($"{name} {token.Value}: write it as {form}.");
                }
                else
                {
                    pairs[token.Value[..separator]] = token.Value[(separator + 1)..];
                }
            }

            return pairs;
        },
    };
}
