using Spectre.Console;

namespace BatchBus.Cli;

/// <summary>Where words and tables go.</summary>
internal static class Terminal
{
    /// <summary>Without a terminal there is no width to keep to; the usual guess of 80 columns would break lines.</summary>
    private const int WidthWithoutTerminal = 140;

    /// <summary>Standard output.</summary>
    public static IAnsiConsole Output() => Open(Console.Out, Console.IsOutputRedirected);

    /// <summary>Standard error, for what is not a command's result.</summary>
    public static IAnsiConsole Errors() => Open(Console.Error, Console.IsErrorRedirected);

    private static IAnsiConsole Open(TextWriter writer, bool isRedirected)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        if (isRedirected)
        {
            console.Profile.Width = WidthWithoutTerminal;
        }

        return console;
    }
}
