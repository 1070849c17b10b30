using System.Globalization;
using System.Runtime.InteropServices;

namespace BatchBus;

/// <summary>
/// A step at which a fault test lets this process die or stall, armed by <c>BATCHBUS_FAILPOINT=name:action[:nth]</c>: the action is
/// <c>exit</c> (SIGKILL to itself, so nothing is flushed and nobody is told) or how long to stall, such as <c>5s</c>; nth is the visit
/// that triggers it, the first when not given. Every assembly with durable steps compiles this file, so that none needs another for it.
/// </summary>
internal sealed class Failpoint
{
    private const int SigKill = 9;
    private const string Variable = "BATCHBUS_FAILPOINT";

    /// <summary>Null in every normal run: the JIT then removes what depends on it.</summary>
    public static readonly Failpoint? Armed = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text ? new Failpoint(text) : null;

    private readonly string _name;
    private readonly TimeSpan? _stall;
    private int _visitsLeft;

    private Failpoint(string text)
    {
        var parts = text.Split(':').ToList();
        if (!int.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out _visitsLeft))
        {
            _visitsLeft = 1;
            parts.Add("1");
        }

        parts.RemoveAt(parts.Count - 1);
        _stall = parts[^1] == "exit"
            ? null
            : double.TryParse(parts[^1].TrimEnd('s'), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
                ? TimeSpan.FromSeconds(seconds)
                : throw new FormatException($"{Variable} is '{text}' and should be name:exit or name:5s, with :nth after it if need be.");
        _name = string.Join(':', parts.SkipLast(1));
    }

    /// <summary>Takes a step with a point before it and one after it.</summary>
    public async Task<T> AroundAsync<T>(string step, Func<Task<T>> take)
    {
        await ReachAsync($"{step}:before");
        var result = await take();
        await ReachAsync($"{step}:after");
        return result;
    }

    /// <summary>Does what the point is armed for, if it is this one and its turn.</summary>
    public async Task ReachAsync(string point)
    {
        if (point != _name || Interlocked.Decrement(ref _visitsLeft) != 0)
        {
            return;
        }

        if (_stall is not { } stall)
        {
            _ = SendSignal(Environment.ProcessId, SigKill);
            return;
        }

        await Console.Out.WriteLineAsync($"Failpoint {point} reached");
        await Task.Delay(stall, TimeProvider.System);
        await Console.Out.WriteLineAsync($"Failpoint {point} left");
    }

    // Process.Kill would do the same, but only after time for looking itself up in which the other threads go on.
    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int processId, int signal);
}
