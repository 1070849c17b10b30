using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace BatchBus.Cli.Tests;

/// <summary>The executable as its users call it, in a folder of its own.</summary>
internal sealed class CommandLine : IDisposable
{
    private const int SigTerm = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "batchbus.dll");

    public string Folder { get; } = Directory.CreateTempSubdirectory("batchbus-cli-").FullName;

    /// <summary>Variables of the environment that differ from the tests' own; null takes one away.</summary>
    public Dictionary<string, string?> Environment { get; } = [];

    /// <summary>The sample that the README runs.</summary>
    public static string Sample => Path.Combine(Infra, "samples", "leads.jsonl");

    /// <summary>The repository's folder <c>infra</c>.</summary>
    public static string Infra
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "BatchBus.sln")))
            {
                folder = folder.Parent ?? throw new DirectoryNotFoundException("The tests do not lie within the repository.");
            }

            return Path.Combine(folder.FullName, "infra");
        }
    }

    /// <summary>Runs a command to its end.</summary>
    public async Task<Ended> RunAsync(params string[] args)
    {
        using var running = Start(args);
        return await running.EndAsync();
    }

    public Running Start(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [Program, .. args])
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in Environment)
        {
            start.Environment[name] = value;
        }

        return new Running(start);
    }

    public string Write(string name, params string[] lines)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllLines(path, lines);
        return path;
    }

    public string[] Read(string name) => File.ReadAllLines(Path.Combine(Folder, name));

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    internal sealed record Ended(int ExitCode, string Output, string Errors);

    internal sealed class Running : IDisposable
    {
        private readonly Process _process;
        private readonly StringBuilder _output = new();
        private readonly StringBuilder _errors = new();

        public Running(ProcessStartInfo start)
        {
            _process = new Process { StartInfo = start };
            _process.OutputDataReceived += (_, line) => Keep(_output, line.Data);
            _process.ErrorDataReceived += (_, line) => Keep(_errors, line.Data);
            _process.Start();
            _process.StandardInput.Close();
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        public string Output => Text(_output);

        public string Errors => Text(_errors);

        public async Task<Ended> EndAsync()
        {
            await _process.WaitForExitAsync().WaitAsync(Patience);
            return new Ended(_process.ExitCode, Output, Errors);
        }

        /// <summary>SIGTERM.</summary>
        public void Interrupt() => Assert.That(SendSignal(_process.Id, SigTerm), Is.Zero);

        /// <summary>SIGKILL.</summary>
        public void Kill()
        {
            _process.Kill(entireProcessTree: true);
            Assert.That(_process.WaitForExitAsync().Wait(Patience), "it is gone");
        }

        public void Dispose()
        {
            if (!_process.HasExited)
            {
                Kill();
            }

            _process.Dispose();
        }

        [DllImport("libc", EntryPoint = "kill")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        private static extern int SendSignal(int processId, int signal);

        private static void Keep(StringBuilder text, string? line)
        {
            lock (text)
            {
                text.AppendLine(line);
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
}
