using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Documentation;

/// <summary>
/// The README's snippets, one after the other in one folder, as they stand. Only what belongs to this machine is another: ports, and
/// the program that <c>dotnet run --project</c> would build first.
/// </summary>
public sealed partial class When_the_readme_is_followed
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>In place of a build and a run of the program: the program as it has been built.</summary>
    private static readonly string Dotnet =
        $$"""
        dotnet() {
          if [ "${*:1:4}" = 'run --project src/BatchBus.Cli --' ]; then
            command dotnet '{{Path.Combine(AppContext.BaseDirectory, "batchbus.dll")}}' "${@:5}"
          else
            command dotnet "$@"
          fi
        }

        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("batchbus-readme-").FullName;
    private readonly string _port = $"{LoopbackPort.FindFree()}";
    private readonly Queue<Snippet> _snippets = new(Snippet.All("README.md"));
    private SimulatorServer _model = null!;
    private string _path = "";

    private Dictionary<string, string> Environment => new() { ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{_port}", ["BATCHBUS_URL"] = $"http://127.0.0.1:{_port}" };

    [OneTimeSetUp]
    public async Task PrepareAsync()
    {
        _model = await SimulatorServer.StartAsync(new SimulatorOptions { Models = ["mistral:7b"] });
        Directory.CreateSymbolicLink(Path.Combine(_folder, "infra"), Path.Combine(Repository.Root, "infra"));
        Directory.CreateSymbolicLink(Directory.CreateDirectory(Path.Combine(_folder, "artifacts", "bin", "BatchBus.Cli")).FullName + "/debug", AppContext.BaseDirectory);
        Directory.CreateSymbolicLink(Path.Combine(_folder, "node_modules"), Path.Combine(Clients.NodeFolder.Find("tests/node-sdk", "@anthropic-ai/sdk"), "node_modules"));
    }

    [OneTimeTearDown]
    public async Task CleanUpAsync()
    {
        await _model.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task Every_snippet_does_what_the_text_says()
    {
        // 1. Try it.
        var sample = Next("console");
        var lines = sample.Text.TrimEnd('\n').Split('\n');
        var run = await ShellAsync($"{lines[0].TrimStart('$', ' ')} 2>&1");
        Assert.That(Lasting(run.Split('\n')), Is.EqualTo(Lasting(lines[1..])), run);
        Assert.That(Results("leads"), Has.Length.EqualTo(48));

        // 2. Your own requests.
        var own = await ShellAsync(Next("sh").Text);
        Assert.That(own, Does.Contain("2 succeeded").And.Contain("\"custom_id\":\"acme\"").And.Contain("\"custom_id\":\"globex\""));

        // 3. A real model.
        var real = await ShellAsync(Next("sh").Text.Replace("http://localhost:11434/", _model.BaseAddress.AbsoluteUri, StringComparison.Ordinal));
        Assert.That(real, Does.Contain("2 succeeded"));
        Assert.That(_model.Log.Entries.Select(call => call.Model), Is.EqualTo(["mistral:7b"]), "the stage of the other request is another model's");

        // What is said to each terminal that knows the short name.
        _path = Next("sh").Text;

        // 4. A server, which takes the shell's place so that it ends with it.
        var serve = $"cd '{_folder}'\n{Dotnet.Replace("command", "exec", StringComparison.Ordinal)}{Next("sh").Text}";
        await using var serving = await ChildProcess.StartAsync("bash", ["-euc", serve], Environment);
        await Eventually.ThatAsync(() => IsServingAsync(serving), "the server is ready", Patience);
        Assert.That(await ShellAsync(Here(Next("sh").Text)), Does.Match("\"custom_id\": *\"lead-1\".*\"type\": *\"succeeded\""));
        await File.WriteAllTextAsync(Path.Combine(_folder, "batch.mjs"), Here(Next("js").Text));
        Assert.That(await ShellAsync("node batch.mjs"), Is.EqualTo("lead-1 succeeded"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "batch.cs"), Here(Next("csharp").Text));
        Assert.That(await ShellAsync("dotnet run batch.cs"), Is.EqualTo("lead-1 succeeded"));

        // The rest is for reference: commands that succeed, documents that can be read, and the command that runs this test.
        while (_snippets.TryDequeue(out var snippet))
        {
            await CheckAsync(snippet);
        }
    }

    private async Task CheckAsync(Snippet snippet)
    {
        switch (snippet)
        {
            case { Language: "sh", Text: "infra/test.sh\n" }:
                await ShellAsync("test -x infra/test.sh");
                break;
            case { Language: "sh" }:
                await ShellAsync(Here(snippet.Text));
                break;
            case { Language: "json" }:
                Assert.That(() => JsonDocument.Parse(snippet.Text), Throws.Nothing, snippet.Text);
                break;
            case { Language: "mermaid" }:
                Assert.That(snippet.Text, Does.StartWith("flowchart"));
                break;
            default:
                Assert.Fail($"Nobody knows what to do with this:\n{snippet.Text}");
                break;
        }
    }

    /// <summary>The lines that every run writes: a slow one adds its progress, and its warnings.</summary>
    private static List<string> Lasting(IEnumerable<string> lines)
        => [.. lines.Select(Shape).Where(line => line.Length > 0 && !line.Contains(" done (", StringComparison.Ordinal) && (!line.Contains(" WRN ", StringComparison.Ordinal) || line.Contains("SIMULATED", StringComparison.Ordinal)))];

    /// <summary>What of a line is the same in every run: no numbers, ids, folders and widths.</summary>
    private static string Shape(string line) => Width().Replace(Number().Replace(Varying().Replace(line, "…"), "0"), " ").Trim();

    private Snippet Next(string language)
    {
        var snippet = _snippets.Dequeue();
        Assert.That(snippet.Language, Is.EqualTo(language), snippet.Text);
        return snippet;
    }

    private string Here(string text) => text.Replace("127.0.0.1:8080", $"127.0.0.1:{_port}", StringComparison.Ordinal);

    private string[] Results(string file) => File.ReadAllLines(Path.Combine(_folder, $"{file}.results.jsonl"));

    private async Task<bool> IsServingAsync(ChildProcess serving)
    {
        Assert.That(serving.HasExited, Is.False, () => serving.Output);
        using var http = new HttpClient();
        try
        {
            return (await http.GetAsync(new Uri($"http://127.0.0.1:{_port}/health/ready"))).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<string> ShellAsync(string script)
    {
        var start = new ProcessStartInfo("bash", ["-euc", Dotnet + _path + script]) { WorkingDirectory = _folder };
        foreach (var (name, value) in Environment)
        {
            start.Environment[name] = value;
        }

        var result = await Command.RunAsync(start, Patience);
        Assert.That(result.ExitCode, Is.Zero, $"{script}\n{result.Output}{result.Errors}");
        return result.Output.TrimEnd('\n');
    }

    [GeneratedRegex(@"msgbatch_\w+|…?/?\S*leads\.results\.jsonl")]
    private static partial Regex Varying();

    [GeneratedRegex(@"\d[\d.,:]*")]
    private static partial Regex Number();

    [GeneratedRegex(" +|─+")]
    private static partial Regex Width();
}
