using System.Net;
using System.Text.Json;
using BatchBus.Faults.Tests.Checks;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Scenarios;

public sealed class When_a_create_is_interrupted : ScenarioFixture
{
    [TestCase("script:commit_batch:before", Description = "nothing is stored, and the repetition makes the batch")]
    [TestCase("script:commit_batch:after", Description = "the batch stands, and the repetition finds it")]
    [TestCase("send:BatchSubmitted:before", Description = "the batch stands, and the sweeper announces it")]
    [TestCase("send:BatchSubmitted:after")]
    [Category("create_crash_after_store")]
    public async Task An_unanswered_create_runs_once_however_often_it_is_repeated(string failpoint)
    {
        var (workload, key) = (new Workload(60), Guid.NewGuid().ToString());
        await Deployment.Api.ArmAsync($"{failpoint}:exit");

        var (status, _) = await Deployment.CreateAsync(workload.Body, key);
        await Deployment.Api.DiesAsync();
        await Deployment.Api.StartAsync();
        var (repeated, body) = await Deployment.CreateAsync(workload.Body, key);
        var (again, sameBody) = await Deployment.CreateAsync(workload.Body, key);

        Assert.That(new[] { status, repeated, again }, Is.EqualTo(new HttpStatusCode?[] { null, HttpStatusCode.OK, HttpStatusCode.OK }), body);
        Assert.That(ObservedBatch.IdOf(sameBody), Is.EqualTo(ObservedBatch.IdOf(body)));
        await Watch(workload, ObservedBatch.IdOf(body)).EndsExactAsync(Soon, Waste);
    }

    [Test]
    [Category("create_crash_after_store")]
    public async Task An_unanswered_create_that_nobody_repeats_runs_once()
    {
        var workload = new Workload(40);
        await Deployment.Api.ArmAsync("script:commit_batch:after:exit");

        await Deployment.CreateAsync(workload.Body);
        await Deployment.Api.DiesAsync();
        await Deployment.Api.StartAsync();

        await Watch(workload, (await ListAsync())[0]).EndsExactAsync(Soon, Waste);
    }

    [Test]
    public async Task A_create_that_is_answered_with_an_error_never_runs()
    {
        var (workload, before) = (new Workload(40), await ListAsync());
        Deployment.Api.Redis.OnRequest = request =>
        {
            if (request.Span.IndexOf("expires"u8) >= 0)
            {
                Deployment.Api.Redis.Cut();
            }
        };

        var create = Deployment.CreateAsync(workload.Body);
        await Eventually.ThatAsync(() => Deployment.Api.Redis.IsCut, "the commit is cut off");
        Deployment.Api.Redis.Restore();
        var (status, body) = await create;

        Assert.That((int)status!, Is.EqualTo(529), body);
        await (await SubmitAsync(40)).EndsExactAsync(Soon, Waste);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Deployment.Witness.Calls.Where(call => workload.IndexByKey.ContainsKey(call.Key)), Is.Empty);
            Assert.That(await ListAsync(), Has.Count.EqualTo(before.Count + 1), "the later batch only");
        }
    }

    [Test]
    [Category("processor_pg_reply_loss")]
    public async Task A_create_whose_commit_is_not_confirmed_stands_once_and_says_so()
    {
        var (workload, before) = (new Workload(40), await ListAsync());
        Deployment.Api.Redis.SwallowRepliesFrom("expires");

        var create = Deployment.CreateAsync(workload.Body);
        await Eventually.ThatAsync(() => Deployment.Api.Redis.Swallowed > 0, "the answer to the commit is lost");
        Deployment.Api.Redis.Restore();
        var (status, body) = await create;

        Assert.That(status, Is.EqualTo(HttpStatusCode.OK), body);
        await Watch(workload, ObservedBatch.IdOf(body)).EndsExactAsync(Soon, Waste);
        Assert.That(await ListAsync(), Has.Count.EqualTo(before.Count + 1));
    }

    [Test]
    [Category("orphaned_blob")]
    public async Task What_an_upload_left_behind_is_removed()
    {
        await Deployment.Api.ArmAsync("write:chunk:after:exit:3");
        await Deployment.CreateAsync(new Workload(200).Body);
        await Deployment.Api.DiesAsync();
        Assert.That(await OrphansAsync(), Is.Not.Empty, "chunks without a record");

        // An upload lapses after two minutes, which is no setting: the visit that comes then comes now.
        foreach (var orphan in await OrphansAsync())
        {
            await Deployment.Connection.GetDatabase().SortedSetAddAsync("batchbus:schedule", orphan[(orphan.IndexOf('{', StringComparison.Ordinal) + 1)..orphan.IndexOf('}', StringComparison.Ordinal)], 0);
        }

        await Eventually.ThatAsync(async () => (await OrphansAsync()).Count == 0, "the chunks are removed");
    }

    private async Task<IReadOnlyList<string>> ListAsync()
    {
        var (status, body) = await Deployment.GetAsync("/v1/messages/batches?limit=100");
        Assert.That(status, Is.EqualTo(HttpStatusCode.OK), body);
        return [.. JsonDocument.Parse(body).RootElement.GetProperty("data").EnumerateArray().Select(batch => batch.GetProperty("id").GetString()!)];
    }

    private async Task<IReadOnlyList<string>> OrphansAsync()
    {
        var orphans = new List<string>();
        await foreach (var key in Deployment.Connection.GetServers()[0].KeysAsync(pattern: "batchbus:*:requests:*"))
        {
            var prefix = key.ToString()[..key.ToString().IndexOf(":requests:", StringComparison.Ordinal)];
            if (!await Deployment.Connection.GetDatabase().HashExistsAsync($"{prefix}:record", "created"))
            {
                orphans.Add(key.ToString());
            }
        }

        return orphans;
    }
}
