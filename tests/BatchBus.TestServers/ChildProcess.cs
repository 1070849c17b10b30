using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace BatchBus.TestServers;

/// <summary>A server that runs as a child of the test process and never outlives it.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private const string SetPriv = "/usr/bin/setpriv";
    private const int SigCont = 18;
    private const int SigKill = 9;
    private const int SigStop = 19;
    private const int SigTerm = 15;
    private const int LongestOutput = 64 * 1024;
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private bool _disposed;

    private readonly int _longestOutput;

    private ChildProcess(Process process, int longestOutput) => (_process, _longestOutput) = (process, longestOutput);

    public bool HasExited => _process.HasExited;

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public static async Task<ChildProcess> StartAsync(string fileName, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, int longestOutput = LongestOutput)
    {
        // Linux kills the child together with its parent if it is asked to; disposal alone would not help when a test run is killed.
        string[] command = File.Exists(SetPriv) ? [SetPriv, "--pdeathsig", "KILL", fileName, .. arguments] : [fileName, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        var child = new ChildProcess(new Process { StartInfo = start }, longestOutput);
        await LastingThread.RunAsync(() => child._process.Start());
        child._process.OutputDataReceived += child.Keep;
        child._process.ErrorDataReceived += child.Keep;
        child._process.BeginOutputReadLine();
        child._process.BeginErrorReadLine();
        child._process.StandardInput.Close();
        return child;
    }

    /// <summary>Freezes the process (SIGSTOP): it keeps its connections and does nothing.</summary>
    public void Freeze() => _ = SendSignal(_process.Id, SigStop);

    /// <summary>Lets a frozen process go on (SIGCONT), as if no time had passed for it.</summary>
    public void Thaw() => _ = SendSignal(_process.Id, SigCont);

    /// <summary>Asks the process to end (SIGTERM) and waits until it has.</summary>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        if (!_process.HasExited)
        {
            _ = SendSignal(_process.Id, SigTerm);
        }

        await _process.WaitForExitAsync(cancellationToken).WaitAsync(StopTimeout, cancellationToken);
    }

    /// <summary>Ends the process at once (SIGKILL) and waits until it is gone.</summary>
    public void Kill()
    {
        // The process itself first and at once: looking for its children takes a while, during which it would go on.
        if (!_process.HasExited)
        {
            _ = SendSignal(_process.Id, SigKill);
        }

        _process.Kill(entireProcessTree: true);
        _process.WaitForExit(StopTimeout);
    }

    public ValueTask DisposeAsync()
    {
        if (!_disposed)
        {
            _disposed = true;
            Kill();
            _process.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int processId, int signal);

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (_output)
        {
            if (line.Data is not null && _output.Length < _longestOutput)
            {
                _output.AppendLine(line.Data);
            }
        }
    }

    /// <summary>
    /// Linux sends the parent-death signal when the <em>thread</em> that started the child ends, and pool threads come and go: children are
    /// therefore started by a thread that lives as long as the test process.
    /// </summary>
    private static class LastingThread
    {
        private static readonly BlockingCollection<Action> Work = [];

        static LastingThread()
        {
            var thread = new Thread(() =>
            {
                foreach (var action in Work.GetConsumingEnumerable())
                {
                    action();
                }
            })
            {
                IsBackground = true,
                Name = "Starts child processes",
            };
            thread.Start();
        }

        public static Task RunAsync(Action action)
        {
            // Whoever waits for it goes on elsewhere, or the thread would be theirs for as long as they like.
            var task = new Task(action, TaskCreationOptions.RunContinuationsAsynchronously);
            Work.Add(task.RunSynchronously);
            return task;
        }
    }
}
