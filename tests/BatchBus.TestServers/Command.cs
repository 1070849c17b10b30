using System.Diagnostics;
using System.Text;

namespace BatchBus.TestServers;

/// <summary>A program that is run to its end, within a time: nothing that it does, or leaves behind, can hold the tests up.</summary>
public static class Command
{
    /// <summary>Runs a program that reads nothing.</summary>
    /// <param name="start">What to run, where and with which environment; its streams are redirected here.</param>
    /// <param name="within">The longest that it may take; 2 minutes when not given.</param>
    /// <exception cref="TimeoutException">It has not ended in time, or something that it started still holds its output; the message carries what was written.</exception>
    public static async Task<CommandResult> RunAsync(ProcessStartInfo start, TimeSpan? within = null)
    {
        var patience = within ?? TimeSpan.FromMinutes(2);
        (start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError) = (true, true, true);
        var (output, errors) = (new StringBuilder(), new StringBuilder());
        using var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Keep(output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(errors, line.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var deadline = new CancellationTokenSource(patience);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"Within {patience.TotalSeconds:0} s this did not end: {start.FileName} {string.Join(' ', start.ArgumentList)}. It wrote:\n{Text(output)}{Text(errors)}");
        }

        return new CommandResult(process.ExitCode, Text(output), Text(errors));
    }

    private static void Keep(StringBuilder text, string? line)
    {
        lock (text)
        {
            if (line is not null)
            {
                text.Append(line).Append('\n');
            }
        }
    }

    private static string Text(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }
}

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">0 when it succeeded.</param>
/// <param name="Output">What it wrote to its standard output, each line with its end.</param>
/// <param name="Errors">The same of its standard error.</param>
public sealed record CommandResult(int ExitCode, string Output, string Errors);
