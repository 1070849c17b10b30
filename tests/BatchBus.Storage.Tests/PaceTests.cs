using System.Globalization;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Storage.Schedule;
using BatchBus.TestServers;
using StackExchange.Redis;

namespace BatchBus.Storage.Tests;

/// <summary>Neither side of the store runs ahead of the other.</summary>
public sealed class PaceTests
{
    private const int Count = 100;

    private RedisServer _server = null!;
    private ConnectionMultiplexer _redis = null!;
    private ConnectionMultiplexer _operator = null!;
    private BatchStore _batches = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await RedisServer.StartAsync("no");
        _redis = await ConnectionMultiplexer.ConnectAsync($"{_server.ConnectionString},allowAdmin=true,asyncTimeout=60000");
        _operator = await ConnectionMultiplexer.ConnectAsync($"{_server.ConnectionString},allowAdmin=true");
        _batches = new BatchStore(_redis, new BatchSchedule(_redis, TimeProvider.System), TimeProvider.System);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _redis.DisposeAsync();
        await _operator.DisposeAsync();
        await _server.DisposeAsync();
    }

    [TestCase(700_000)]
    [TestCase(3_000_000)]
    public async Task A_store_that_takes_nothing_stops_an_upload_after_a_few_megabytes(int bytes)
    {
        var upload = await _batches.BeginUploadAsync();
        await _operator.GetServers()[0].ExecuteAsync("CLIENT", "PAUSE", 60_000, "WRITE");
        ValueTask adding;
        do
        {
            adding = upload.AddAsync("m", yieldsToStage: false, new StoredRequest(upload.Count, "a", 1, "", new byte[bytes]));
        }
        while (adding.IsCompleted && upload.Count < Count);

        var taken = (long)upload.Count * bytes;
        await _operator.GetServers()[0].ExecuteAsync("CLIENT", "UNPAUSE");
        await adding;
        Assert.That(taken, Is.LessThan(8_000_000));
    }

    [TestCase(40_000)]
    [TestCase(400_000)]
    public async Task A_reader_that_stops_after_a_line_has_the_store_send_no_more_than_a_few(int bytes)
    {
        var results = new ResultStore(_redis, new RequestStore(_redis));
        var upload = await _batches.BeginUploadAsync();
        for (var i = 0; i < Count; i++)
        {
            await upload.AddAsync("m", yieldsToStage: false, new StoredRequest(i, $"request-{i}", 1, "", ReadOnlyMemory<byte>.Empty));
        }

        var id = (await _batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1)))!.BatchId;
        for (var i = 0; i < Count; i++)
        {
            var noise = new byte[bytes];
            new Random(i).NextBytes(noise);
            await results.StoreAsync(new Page(id, 0, 0, 1), "tests", [(i, new StoredResult(i, $"request-{i}", RequestOutcome.Succeeded, 1, 0, 1, 1, noise))]);
        }

        await _batches.CloseAsync(id, BatchEndReason.Completed);
        var record = (await _batches.FindAsync(id))!;
        var before = await SentAsync();
        await using var lines = results.LinesAsync(record, CancellationToken.None).GetAsyncEnumerator();

        Assert.That(await lines.MoveNextAsync());
        Assert.That(await SentAsync() - before, Is.LessThan(1_000_000));
    }

    /// <summary>Bytes that the server has sent; asked on the connection that reads, so that what it has asked for has been answered.</summary>
    private async Task<long> SentAsync() => long.Parse(
        (await _redis.GetServers()[0].InfoAsync("stats")).SelectMany(section => section).Single(entry => entry.Key == "total_net_output_bytes").Value,
        CultureInfo.InvariantCulture);
}
