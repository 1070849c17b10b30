using System.CommandLine;
using System.CommandLine.Parsing;

namespace BatchBus.Cli;

/// <summary>Says what is wrong with a command line.</summary>
internal static class Mistakes
{
    /// <summary>Names each mistake and where to look, and returns the exit code.</summary>
    public static async Task<int> ExplainAsync(ParseResult parsed)
    {
        var command = Words(parsed.CommandResult);
        var missing = parsed.Errors.Select(MissingArgument).OfType<string>().ToList();
        if (missing.Count > 0)
        {
            var form = string.Join(' ', parsed.CommandResult.Command.Arguments.Select(argument => argument.Name).Prepend(command));
            await Console.Error.WriteLineAsync($"{string.Join(" and ", missing)} {(missing.Count == 1 ? "is" : "are")} missing. Write `{form}`.");
        }

        foreach (var error in parsed.Errors.Where(error => MissingArgument(error) is null))
        {
            await Console.Error.WriteLineAsync(error.Message);
        }

        await Console.Error.WriteLineAsync($"See `{command} --help`.");
        return ExitCodes.Failed;
    }

    private static string? MissingArgument(ParseError error) => error.SymbolResult is ArgumentResult { Tokens.Count: 0, Argument.Name: var name } ? name : null;

    private static string Words(CommandResult command) => command.Parent is CommandResult parent ? $"{Words(parent)} {command.Command.Name}" : "batchbus";
}
