using System.Collections.Concurrent;
using System.Net;
using BatchBus.Storage;
using BatchBus.Storage.Batches;
using BatchBus.TestServers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace BatchBus.Orchestrator.Tests.Webhooks;

public sealed class WebhookDeliveryTests
{
    private readonly ConcurrentQueue<string> _received = new();
    private readonly int _port = LoopbackPort.FindFree();

    private OrchestratorBus _bus = null!;
    private WebApplication? _receiver;
    private Func<HttpContext, Task> _answer = _ => Task.CompletedTask;

    [SetUp]
    public async Task StartAsync()
    {
        _received.Clear();
        _answer = _ => Task.CompletedTask;
        _bus = await OrchestratorBus.StartAsync(
            ("BatchBus:Webhooks:AllowedAddresses:0", "127.0.0.1"), ("BatchBus:Workspaces:acme:WebhookSecrets:0", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"));
        await _bus.Database.KeyDeleteAsync("batchbus:schedule");
        await _bus.ReportWorkerAsync("w", slots: 16);
    }

    [TearDown]
    public async Task StopAsync()
    {
        if (_receiver is not null)
        {
            using var now = new CancellationTokenSource();
            await now.CancelAsync();
            await _receiver.StopAsync(now.Token);
            await _receiver.DisposeAsync();
            _receiver = null;
        }

        await _bus.DisposeAsync();
    }

    [Test]
    public async Task A_receiver_that_was_down_for_an_hour_gets_its_event_once()
    {
        var record = await EndedAsync();
        var attempts = new List<TimeSpan>();
        WebhookState state;
        while ((state = await AttemptAsync(record)).NextAttempt - record.ClosedAt!.Value < TimeSpan.FromHours(1))
        {
            attempts.Add(state.NextAttempt - _bus.Time.GetUtcNow());
            Assert.That(await NextVisitAsync(record), Is.EqualTo(state.NextAttempt).Within(TimeSpan.FromSeconds(1)), "the schedule knows");
            _bus.Time.Advance(attempts[^1] + TimeSpan.FromMilliseconds(1));
        }

        await ListenAsync();
        _bus.Time.Advance(state.NextAttempt - _bus.Time.GetUtcNow() + TimeSpan.FromMilliseconds(1));
        state = await AttemptAsync(record);
        await VisitAsync(record);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(attempts.Select(pause => Math.Round(pause.TotalSeconds)), Is.EqualTo(new[] { 5, 300, 1800 }));
            Assert.That(state, Has.Property("Phase").EqualTo(WebhookPhase.Delivered).And.Property("Attempts").EqualTo(5));
            Assert.That(_received, Is.EqualTo(new[] { BatchBus.Webhooks.WebhookSender.EventId(record.BatchId) }));
            Assert.That(await NextVisitAsync(record), Is.EqualTo(record.CreatedAt + TimeSpan.FromDays(29)).Within(TimeSpan.FromSeconds(1)), "what remains is to archive it");
        }
    }

    [Test]
    public async Task A_receiver_that_never_takes_it_is_left_alone_after_three_days()
    {
        await ListenAsync(_ => StatusCodes.Status500InternalServerError);
        var record = await EndedAsync();
        WebhookState state;
        while ((state = await AttemptAsync(record)).Phase is WebhookPhase.Due)
        {
            _bus.Time.Advance(state.NextAttempt - _bus.Time.GetUtcNow() + TimeSpan.FromMilliseconds(1));
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(state.Phase, Is.EqualTo(WebhookPhase.GivenUp));
            Assert.That(_received, Has.Count.EqualTo(10));
            Assert.That(_received.Distinct().Count(), Is.EqualTo(1), "one event, one id");
            Assert.That(_bus.Time.GetUtcNow() - record.ClosedAt!.Value, Is.EqualTo(TimeSpan.FromHours(75.6)).Within(TimeSpan.FromMinutes(2)));
        }
    }

    [TestCase(StatusCodes.Status301MovedPermanently, WebhookPhase.Due)]
    [TestCase(StatusCodes.Status404NotFound, WebhookPhase.Due)]
    [TestCase(StatusCodes.Status429TooManyRequests, WebhookPhase.Due)]
    [TestCase(StatusCodes.Status410Gone, WebhookPhase.Refused)]
    [TestCase(StatusCodes.Status200OK, WebhookPhase.Delivered)]
    [TestCase(StatusCodes.Status204NoContent, WebhookPhase.Delivered)]
    public async Task What_the_receiver_answers_decides_whether_it_is_told_again(int status, WebhookPhase phase)
    {
        await ListenAsync(_ => status);
        var record = await EndedAsync();

        Assert.That((await AttemptAsync(record)).Phase, Is.EqualTo(phase));
        _bus.Time.Advance(TimeSpan.FromSeconds(6));
        await VisitAsync(record);
        await VisitAsync(record);

        await Eventually.ThatAsync(() => _received.Count == (phase is WebhookPhase.Due ? 2 : 1), "it was told as often as it should be");
    }

    [Test]
    public async Task A_process_that_died_in_an_attempt_leaves_it_to_another()
    {
        var (begun, never) = (new TaskCompletionSource(), new TaskCompletionSource());
        await ListenAsync(async context =>
        {
            if (_received.Count == 1)
            {
                begun.SetResult();
                await never.Task.WaitAsync(context.RequestAborted);
            }
        });
        var record = await EndedAsync();
        await VisitAsync(record);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(30));

        var other = _bus.NewVisit();
        await other.RunAsync(record.BatchId, CancellationToken.None);
        Assert.That(_received, Has.Count.EqualTo(1), "the first may still be alive");
        await _bus.Webhooks.StopAsync(CancellationToken.None);
        _bus.Time.Advance(TimeSpan.FromSeconds(21));
        await other.RunAsync(record.BatchId, CancellationToken.None);

        await Eventually.ThatAsync(async () => (await _bus.RecordAsync(record.BatchId)).Webhook!.Phase is WebhookPhase.Delivered, "another has delivered it");
        Assert.That(_received, Has.Count.EqualTo(2).And.All.EqualTo(_received.First()), "the same event");
    }

    [Test]
    public async Task Of_visits_at_the_same_time_one_makes_the_attempt()
    {
        await ListenAsync();
        var record = await EndedAsync();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _bus.NewVisit().RunAsync(record.BatchId, CancellationToken.None)));

        await Eventually.ThatAsync(async () => (await _bus.RecordAsync(record.BatchId)).Webhook!.Phase is WebhookPhase.Delivered, "it is delivered");
        Assert.That(_received, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_visit_does_not_wait_for_a_receiver()
    {
        var (begun, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        await ListenAsync(async _ =>
        {
            begun.SetResult();
            await release.Task;
        });
        var record = await EndedAsync();

        await VisitAsync(record);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That((await _bus.RecordAsync(record.BatchId)).Webhook!.Phase, Is.EqualTo(WebhookPhase.Due), "the visit is over, the attempt is not");
        release.SetResult();

        await Eventually.ThatAsync(async () => (await _bus.RecordAsync(record.BatchId)).Webhook!.Phase is WebhookPhase.Delivered, "it is delivered");
    }

    [Test]
    public async Task A_deleted_batch_sends_nothing_and_an_attempt_under_way_brings_nothing_back()
    {
        var (begun, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        await ListenAsync(async context =>
        {
            begun.SetResult();
            await release.Task;
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
        });
        var (before, during) = (await EndedAsync(), await EndedAsync());
        await _bus.Batches.DeleteAsync(before);
        await VisitAsync(during);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await _bus.Batches.DeleteAsync(during);

        release.SetResult();
        await _bus.Webhooks.IdleAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_received, Has.Count.EqualTo(1), "that of the batch that was deleted during its attempt");
            Assert.That(await _bus.Database.KeyExistsAsync(new BatchKeys(during.BatchId).Record), Is.False);
            Assert.That(await _bus.Schedule.AllAsync(), Is.Empty);
        }
    }

    /// <summary>A batch that has ended, was announced, and is due for a visit because of its webhook.</summary>
    private async Task<BatchRecord> EndedAsync()
    {
        var record = await _bus.BatchAsync(4, webhookUrl: $"http://127.0.0.1:{_port}/hook");
        await _bus.HandleAsync(record.Submitted());
        await _bus.CompleteAllAsync();
        record = await _bus.RecordAsync(record.BatchId);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(record.Announced);
            Assert.That(await NextVisitAsync(record), Is.EqualTo(_bus.Time.GetUtcNow()).Within(TimeSpan.FromSeconds(1)));
            Assert.That(_received, Is.Empty);
        }

        return record;
    }

    /// <summary>Visits, and returns what is known once the attempt that the visit began is over.</summary>
    private async Task<WebhookState> AttemptAsync(BatchRecord record)
    {
        var before = (await _bus.RecordAsync(record.BatchId)).Webhook!;
        await VisitAsync(record);
        await Eventually.ThatAsync(async () => await NextVisitAsync(record) <= _bus.Time.GetUtcNow(), "the attempt is over");
        await VisitAsync(record);
        var after = (await _bus.RecordAsync(record.BatchId)).Webhook!;
        Assert.That(after.Attempts, Is.EqualTo(before.Attempts + 1));
        return after;
    }

    private Task VisitAsync(BatchRecord record) => _bus.Visit.RunAsync(record.BatchId, CancellationToken.None);

    private async Task<DateTimeOffset> NextVisitAsync(BatchRecord record)
        => DateTimeOffset.FromUnixTimeMilliseconds((long)(await _bus.Database.SortedSetScoreAsync("batchbus:schedule", Contracts.BatchId.Format(record.BatchId)))!.Value);

    private Task ListenAsync(Func<HttpContext, int> status) => ListenAsync(context =>
    {
        context.Response.StatusCode = status(context);
        return Task.CompletedTask;
    });

    private async Task ListenAsync(Func<HttpContext, Task>? answer = null)
    {
        _answer = answer ?? _answer;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, _port));
        _receiver = builder.Build();
        _receiver.Run(context =>
        {
            _received.Enqueue(context.Request.Headers["webhook-id"].ToString());
            return _answer(context);
        });
        await _receiver.StartAsync();
    }
}
