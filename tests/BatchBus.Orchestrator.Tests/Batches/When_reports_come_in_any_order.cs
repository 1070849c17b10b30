using BatchBus.Contracts;
using BatchBus.Orchestrator.Batches;
using CsCheck;

namespace BatchBus.Orchestrator.Tests.Batches;

public sealed class When_reports_come_in_any_order
{
    private sealed record Story(int First, int Second, int MaxPageSize, int Workers, int Slots, int[] Choices)
    {
        public override string ToString()
            => $"lanes of {First} and {Second}, pages up to {MaxPageSize}, {Workers} workers of {Slots} slots, choices {string.Join(',', Choices)}";
    }

    private static readonly Gen<Story> Stories = Gen.Select(
        Gen.Int[1, 150], Gen.Int[0, 60], Gen.Int[1, 32], Gen.Int[1, 4], Gen.Int[1, 16], Gen.Int[0, 9999].Array[400],
        (first, second, size, workers, slots, choices) => new Story(first, second, size, workers, slots, choices));

    /// <summary>Reports arrive shuffled, late, several at once and again, submissions and reconciliations come in between.</summary>
    [Test]
    public Task Every_request_is_dispatched_and_the_batch_ends_once_with_its_counts()
        => Stories.SampleAsync(TellAsync, iter: 12, threads: 1);

    private static async Task TellAsync(Story story)
    {
        await using var bus = await OrchestratorBus.StartAsync();
        bus.Dispatch.MaxPageSize = story.MaxPageSize;
        for (var worker = 0; worker < story.Workers; worker++)
        {
            await bus.ReportWorkerAsync($"w{worker}", story.Slots);
        }

        var record = await bus.BatchAsync(window: null, (bus.Model, story.First), (bus.Model, story.Second));
        var total = story.First + story.Second;
        await bus.HandleAsync(record.Submitted());

        var reported = new List<ExecuteRequests>();
        var choices = new Queue<int>(story.Choices);
        while (true)
        {
            var saga = (await bus.SagaAsync(record.BatchId))!;
            AssertWithinWindow(saga, 2 * story.Workers * story.Slots);
            var open = bus.Sent.Distinct().Except(reported).ToList();
            if (open.Count == 0)
            {
                break;
            }

            // Once the choices are used up the rest is told in order, so that every story ends.
            var choice = choices.TryDequeue(out var next) ? next : 0;
            var page = open[choice / 10 % open.Count];
            switch (choice % 10)
            {
                case 7 when reported.Count > 0:
                    await bus.CompleteAsync(reported[choice / 10 % reported.Count]);
                    break;
                case 8:
                    await bus.HandleAsync(record.Submitted());
                    break;
                case 9:
                    await bus.HandleAsync(new ReconcileBatch { BatchId = record.BatchId });
                    break;
                case 6:
                    var several = open.Take(4).Append(page).ToList();
                    await Task.WhenAll(several.Select(bus.CompleteAsync));
                    reported.AddRange(several.Distinct());
                    break;
                default:
                    await bus.CompleteAsync(page);
                    reported.Add(page);
                    break;
            }
        }

        Assert.That(
            bus.Sent.Distinct().SelectMany(page => Enumerable.Range(page.From, page.Count).Select(position => (page.Lane, position))).Order(),
            Is.EqualTo(Lane(0, story.First).Concat(Lane(1, story.Second))),
            "every request is in exactly one page");
        Assert.That((await bus.SagaAsync(record.BatchId))!.CurrentState, Is.EqualTo("Ended"));
        Assert.That(bus.Ended.Distinct().Single().Counts, Is.EqualTo(new BatchCounts { Succeeded = total, Errored = 0, Canceled = 0, Expired = 0 }));
        Assert.That((await bus.RecordAsync(record.BatchId)).Announced);
    }

    private static void AssertWithinWindow(BatchState saga, int window)
    {
        var outstanding = saga.Outstanding.Sum(page => page.Count);
        var largest = saga.Outstanding.Select(page => page.Count).DefaultIfEmpty().Max();
        Assert.That(outstanding, Is.LessThan(window + Math.Max(1, largest)), "no more than the window and the page that crossed it");
    }

    private static IEnumerable<(int Lane, int Position)> Lane(int lane, int count) => Enumerable.Range(0, count).Select(position => (lane, position));
}
