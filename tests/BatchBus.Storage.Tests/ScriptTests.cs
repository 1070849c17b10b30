using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Endpoints;
using BatchBus.Storage.Limits;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Storage.Schedule;
using BatchBus.Storage.Submissions;
using StackExchange.Redis;

namespace BatchBus.Storage.Tests;

public sealed partial class ScriptTests
{
    private static readonly string[] Names =
        [.. typeof(Script).Assembly.GetManifestResourceNames().Where(name => name.EndsWith(".lua", StringComparison.Ordinal))];

    [TestCaseSource(nameof(Names))]
    public void A_script_touches_only_keys_that_it_was_given(string name)
    {
        var text = Text(name);

        var calls = AnyUseOfRedis().Count(text);

        Assert.That(calls, Is.Positive);
        Assert.That(CallOnGivenKey().Count(text), Is.EqualTo(calls), "redis.call('COMMAND', KEYS[n], …) or TIME, and nothing else of redis");
    }

    [TestCaseSource(nameof(Names))]
    public void A_script_says_at_its_top_what_it_takes_returns_and_protects(string name)
    {
        var top = Text(name).Split('\n').TakeWhile(line => line.StartsWith("--", StringComparison.Ordinal)).Aggregate("", (lines, line) => $"{lines}{line}\n");

        Assert.That(top, Does.Contain("KEYS[1]").And.Contain("ARGV").And.Contain("Returns").And.Contain("Invariant"));
    }

    [Test]
    public async Task Whatever_the_stores_do_all_keys_of_a_command_lie_in_one_cluster_slot_and_scripts_keep_to_theirs()
    {
        await using var connection = await StoreServers.ConnectAsync(StoreServer.Redis);
        await LiveAsync(connection); // From now on the client names scripts by their hashes.
        using var monitor = await CommandMonitor.StartAsync();

        await LiveAsync(connection);

        var commands = await monitor.StopAsync();
        string[] given = [];
        var scripts = new HashSet<string>();
        foreach (var (byScript, words) in commands)
        {
            var keys = words.Skip(1).Where(word => word.StartsWith("batchbus:", StringComparison.Ordinal)).ToArray();
            if (byScript)
            {
                Assert.That(keys, Is.SubsetOf(given), string.Join(' ', words));
            }
            else if (words[0] == "EVALSHA")
            {
                given = words[3..(3 + int.Parse(words[2], System.Globalization.CultureInfo.InvariantCulture))];
                scripts.Add(words[1]);
            }

            Assert.That(keys.Select(HashTag).Distinct().Count(), Is.LessThanOrEqualTo(1), string.Join(' ', words));
        }

        Assert.That(scripts, Is.SupersetOf(Names.Select(name => Hash(Text(name)))), "every script ran");
        Assert.That(commands.Count(command => command.ByScript), Is.GreaterThan(Names.Length));
    }

    /// <summary>The embedded store's log keeps one command whole through a crash, but not a script; how long something is kept does not matter.</summary>
    [Test]
    public async Task A_script_changes_what_it_changes_in_one_command()
    {
        string[] reading = ["GET", "HGET", "HMGET", "HGETALL", "HVALS", "HEXISTS", "EXISTS", "TIME", "PTTL", "ZRANGEBYSCORE"];
        string[] keeping = ["EXPIRE", "PEXPIRE"];
        await using var connection = await StoreServers.ConnectAsync(StoreServer.Redis);
        using var monitor = await CommandMonitor.StartAsync();

        await LiveAsync(connection);

        var changes = 0;
        foreach (var (byScript, words) in await monitor.StopAsync())
        {
            changes = !byScript ? 0 : reading.Contains(words[0]) || keeping.Contains(words[0]) ? changes : changes + 1;
            Assert.That(changes, Is.LessThanOrEqualTo(1), string.Join(' ', words));
        }
    }

    [GeneratedRegex(@"\bredis\b")]
    private static partial Regex AnyUseOfRedis();

    [GeneratedRegex(@"\bredis\.call\('([A-Z]+', KEYS\[\w\]|TIME'\))")]
    private static partial Regex CallOnGivenKey();

    private static string Text(string name)
    {
        using var reader = new StreamReader(typeof(Script).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    private static string HashTag(string key) => key.IndexOf('{', StringComparison.Ordinal) is var open and >= 0 ? key[open..(key.IndexOf('}', open) + 1)] : key;

#pragma warning disable CA5350 // Redis names a script by its SHA-1.
    private static string Hash(string text) => Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(text)));
#pragma warning restore CA5350

    /// <summary>A life of two batches that uses every script.</summary>
    private static async Task LiveAsync(IConnectionMultiplexer connection)
    {
        var schedule = new BatchSchedule(connection, TimeProvider.System);
        var batches = new BatchStore(connection, schedule, TimeProvider.System);
        var results = new ResultStore(connection, new RequestStore(connection));
        var pages = new PageStore(connection);
        var abandoned = await UploadAsync();
        await batches.AbandonAsync(abandoned.BatchId, abandoned);
        var batchId = (await batches.CommitAsync(await UploadAsync(), "acme", null, null, TimeSpan.FromHours(1)))!.BatchId;

        var page = new Page(batchId, 1, 0, 1);
        await pages.MarkRequeuedAsync(page, null, TimeSpan.Zero);
        await pages.LeaseAsync(page, "worker", TimeSpan.FromMinutes(1));
        await pages.RenewAsync(batchId, [page], "worker", TimeSpan.FromMinutes(1));
        await pages.NoteDeathsAsync(page, 0, 1);
        await pages.DeferAsync(page, "worker", TimeSpan.Zero, endpointFailed: true);
        await results.StoreAsync(new Page(batchId, 1, 0, 1), "tests", [(0, new StoredResult(1, "b", RequestOutcome.Succeeded, 1, 1, 1, 1, "{}\n"u8.ToArray()))]);
        await results.CompactAsync(batchId, 1, 0, [new StoredResult(1, "b", RequestOutcome.Succeeded, 1, 1, 1, 1, "{}\n"u8.ToArray())]);
        await results.ReadAsync(batchId, 1, 0, 1);
        await results.FinishedAsync(batchId, 1, 0, 1);
        await pages.NoteJobAsync(page, 0, new SubmittedJob("mistral-7b", "job-u1"));
        await pages.JobsAsync(page);
        await pages.ReadAsync(batchId);
        await pages.ForgetAsync(page);
        await batches.CancelAsync(batchId);
        await batches.CloseAsync(batchId, BatchEndReason.Canceled);
        await foreach (var _ in results.LinesAsync((await batches.FindAsync(batchId))!, CancellationToken.None))
        {
        }

        var submissions = new SubmissionStore(connection);
        await submissions.ClaimAsync("acme", "submission", batchId);
        await submissions.HoldAsync("acme", "submission", batchId, TimeSpan.FromMinutes(1));
        await submissions.ReleaseAsync("acme", "submission", batchId);
        var endpoints = new EndpointStore(connection, TimeProvider.System);
        await endpoints.ShareAsync("mistral-7b", "worker", 1, 2, 10);
        await endpoints.OpenAsync("mistral-7b", isStopped: false, "down");
        await endpoints.ClaimTrialAsync("mistral-7b", TimeSpan.FromSeconds(15));
        await endpoints.CloseAsync("mistral-7b");
        await endpoints.LeaveAsync("mistral-7b", "worker");
        var limits = new LimitStore(connection, batches, TimeProvider.System);
        await limits.CountCallAsync("key", 10);
        await limits.AddWaitingAsync("acme", batchId, 1, 10);
        await schedule.ClaimAsync(100, TimeSpan.FromMinutes(1));
        await batches.MarkAnnouncedAsync(batchId, TimeSpan.FromDays(29));
        var webhook = new WebhookState("https://example.com", WebhookPhase.Due, 0, DateTimeOffset.UnixEpoch);
        await batches.NoteWebhookAsync(batchId, webhook, webhook with { Attempts = 1 });

        async Task<BatchUpload> UploadAsync()
        {
            var upload = await batches.BeginUploadAsync();
            await upload.AddAsync("a", yieldsToStage: false, new StoredRequest(0, "a", 1, "", "{}"u8.ToArray()));
            await upload.AddAsync("b", yieldsToStage: false, new StoredRequest(1, "b", 1, "", "{}"u8.ToArray()));
            return upload;
        }
    }

    /// <summary>Listens to everything that the Redis server executes.</summary>
    private sealed partial class CommandMonitor : IDisposable
    {
        private const string End = "the end of what is watched";

        private readonly TcpClient _client = new();
        private StreamReader _reader = StreamReader.Null;

        public static async Task<CommandMonitor> StartAsync()
        {
            var monitor = new CommandMonitor();
            await monitor._client.ConnectAsync(StoreServers.Address(StoreServer.Redis));
            monitor._reader = new StreamReader(monitor._client.GetStream(), Encoding.Latin1);
            await monitor._client.GetStream().WriteAsync("MONITOR\r\n"u8.ToArray());
            Assert.That(await monitor._reader.ReadLineAsync(), Is.EqualTo("+OK"));
            return monitor;
        }

        /// <summary>What was executed since the start, by scripts and otherwise.</summary>
        public async Task<List<(bool ByScript, string[] Words)>> StopAsync()
        {
            await StoreServers.Shared(StoreServer.Redis).GetDatabase().ExecuteAsync("ECHO", End);
            var commands = new List<(bool, string[])>();
            while (true)
            {
                var line = (await _reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)))!;
                string[] words = [.. Word().Matches(line[(line.IndexOf(']', StringComparison.Ordinal) + 1)..]).Select(word => word.Groups[1].Value)];
                if (words is ["ECHO", End])
                {
                    return commands;
                }

                commands.Add((line.Contains(" lua] ", StringComparison.Ordinal), words));
            }
        }

        public void Dispose()
        {
            _reader.Dispose();
            _client.Dispose();
        }

        [GeneratedRegex(@"""((?:[^""\\]|\\.)*)""")]
        private static partial Regex Word();
    }
}
