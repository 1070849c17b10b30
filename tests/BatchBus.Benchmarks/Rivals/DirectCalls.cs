using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Work;

namespace BatchBus.Benchmarks.Rivals;

/// <summary>The floor: every request as a direct call to the model, with nothing kept and nothing queued, from a process of its own.</summary>
internal static class DirectCalls
{
    public const string Command = "call";

    public static Task<RivalRun> RunAsync(SimulatorProcess simulator, Workload work, int concurrency, int warmUp = RivalRun.WarmUpCount) => RivalRun.OfAsync(
        work,
        simulator,
        answers => HiddenCommand.StartAsync(
            Command, simulator.Url, work.Name, Text(work.Count), Text(work.PromptCharacters), Text(concurrency), Text(warmUp), answers));

    /// <summary>What the child process does: warms up, makes the calls, prints its figures, and writes the answers to a file.</summary>
    public static async Task ExecuteAsync(string url, Workload work, int concurrency, int warmUp, string answersFile)
    {
        using var handler = new SocketsHttpHandler { MaxConnectionsPerServer = concurrency, UseProxy = false };
        using var http = new HttpClient(handler) { BaseAddress = new Uri(url) };
        await CallAllAsync(http, BodiesOf(new Workload($"the warm-up of {work.Name}", warmUp)), concurrency);
        (await http.DeleteAsync("/simulator/log")).EnsureSuccessStatusCode();
        var bodies = BodiesOf(work);

        using var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        var watch = Stopwatch.StartNew();
        var replies = await CallAllAsync(http, bodies, concurrency);
        var elapsed = watch.Elapsed.TotalMilliseconds;
        process.Refresh();
        var figures = new RivalRun.Figures(elapsed, elapsed, (process.TotalProcessorTime - cpu).TotalMilliseconds, process.PeakWorkingSet64);
        await Console.Out.WriteLineAsync(JsonSerializer.Serialize(figures, JsonSerializerOptions.Web));

        await using var answers = new StreamWriter(answersFile);
        for (var i = 0; i < work.Count; i++)
        {
            using var reply = JsonDocument.Parse(replies[i]);
            var text = reply.RootElement.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
            await answers.WriteAsync(JsonSerializer.Serialize(new { custom_id = Workload.CustomId(i), text }) + "\n");
        }
    }

    private static byte[][] BodiesOf(Workload work) => [.. Enumerable.Range(0, work.Count).Select(work.CallBody)];

    private static async Task<byte[][]> CallAllAsync(HttpClient http, byte[][] bodies, int concurrency)
    {
        var replies = new byte[bodies.Length][];
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, concurrency).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var i && i < bodies.Length)
            {
                using var content = new ByteArrayContent(bodies[i]);
                content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                using var response = await http.PostAsync("/v1/chat/completions", content);
                replies[i] = await response.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
            }
        }));
        return replies;
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
