using System.Globalization;
using System.IO.Compression;
using System.Text;
using BatchBus.Benchmarks.Work;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Storage.Schedule;
using BatchBus.TestServers;
using StackExchange.Redis;

namespace BatchBus.Storage.Tests;

public sealed class FootprintTests
{
    private const int Count = 100_000;
    private const int PromptBytes = 1_500;
    private const int AnswerBytes = 1_000;
    private const int FirstAnswer = 1_000_000;

    [Test]
    public async Task A_hundred_thousand_typical_requests_and_their_results_take_less_than_120_MB_of_Redis()
    {
        await using var server = await RedisServer.StartAsync("no");
        await using var redis = await ConnectionMultiplexer.ConnectAsync($"{server.ConnectionString},allowAdmin=true");
        var batches = new BatchStore(redis, new BatchSchedule(redis, TimeProvider.System), TimeProvider.System);
        var results = new ResultStore(redis, new RequestStore(redis));
        var before = await UsedMemoryAsync(redis);

        var upload = await batches.BeginUploadAsync();
        for (var i = 0; i < Count; i++)
        {
            await upload.AddAsync("m", yieldsToStage: false, Request(i));
        }

        var record = (await batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(24)))!;
        await Parallel.ForEachAsync(Enumerable.Range(0, Count / ResultStore.MaxBlock), async (block, _) =>
        {
            var page = Enumerable.Range(block * ResultStore.MaxBlock, ResultStore.MaxBlock).Select(i => (i, Result(i))).ToList();
            Assert.That(await results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", page), Is.EqualTo(StoreStatus.Stored));
        });

        var used = await UsedMemoryAsync(redis) - before;
        TestContext.Out.WriteLine(FormattableString.Invariant($"{used / 1e6:0.0} MB"));
        Assert.That(used, Is.LessThan(120_000_000).And.GreaterThan(0));
    }

    /// <summary>What the figure above is worth: the texts have no more in common with themselves than people's own.</summary>
    [Test]
    public void No_typical_request_or_result_shrinks_by_more_than_two_and_a_half_when_compressed_by_itself()
    {
        var factors = Enumerable.Range(0, Count / 50).SelectMany(i => new[] { FactorOf(Request(i * 50).Parameters), FactorOf(Result(i * 50).Line) }).ToList();

        TestContext.Out.WriteLine(FormattableString.Invariant($"{factors.Min():0.00} to {factors.Max():0.00}, {factors.Average():0.00} on average"));
        Assert.That(factors, Is.All.InRange(1.0, 2.5));
    }

    private static StoredRequest Request(int i) => new(i, $"request-{i}", 1, "", Encoding.ASCII.GetBytes(
        $$"""{"model":"mistral-7b","max_tokens":400,"messages":[{"role":"user","content":"{{Text(i, PromptBytes)}}"}]}"""));

    private static StoredResult Result(int i)
    {
        var message = $$$"""
            {"id":"msg_{{{i:x24}}}","type":"message","role":"assistant","model":"mistral-7b","content":[{"type":"text","text":"{{{Text(FirstAnswer + i, AnswerBytes)}}}"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":350,"output_tokens":240}}
            """;
        return new StoredResult(i, $"request-{i}", RequestOutcome.Succeeded, 350, 0, 240, 2_000, ResultLine.Succeeded($"request-{i}", Encoding.ASCII.GetBytes(message)));
    }

    private static string Text(int seed, int length) => Encoding.ASCII.GetString(Prose.Write(seed, length));

    private static double FactorOf(ReadOnlyMemory<byte> content)
    {
        var compressed = new byte[content.Length];
        Assert.That(BrotliEncoder.TryCompress(content.Span, compressed, out var written, quality: 5, window: 22));
        return (double)content.Length / written;
    }

    private static async Task<long> UsedMemoryAsync(ConnectionMultiplexer redis) => long.Parse(
        (await redis.GetServers()[0].InfoAsync("memory")).SelectMany(section => section).Single(entry => entry.Key == "used_memory").Value,
        CultureInfo.InvariantCulture);
}
