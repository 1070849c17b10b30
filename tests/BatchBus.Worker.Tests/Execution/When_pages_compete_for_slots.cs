using BatchBus.TestServers;
using BatchBus.Worker.Execution;
using CsCheck;

namespace BatchBus.Worker.Tests.Execution;

public sealed class When_pages_compete_for_slots
{
    private static readonly Gen<(int Slots, int[] Pages)> Loads = Gen.Select(
        Gen.Int[1, 24],
        Gen.OneOf(Gen.Const(1).Array[1, 60], Gen.Int[1, 32].Array[1, 12], Gen.OneOf(Gen.Const(1), Gen.Const(32)).Array[1, 12]),
        (slots, pages) => (slots, pages));

    /// <summary>Whatever the sizes of the pages, with calls that stay open: the slots are full, no call is too many, and little is held.</summary>
    [Test]
    public Task A_worker_fills_its_slots_and_holds_no_more_than_twice_their_number_and_a_page()
        => Loads.SampleAsync(
            async load =>
            {
                await using var worker = await WorkerHost.StartAsync(load.Slots);
                worker.Model.Hold();
                var total = load.Pages.Sum();
                var record = await worker.BatchAsync(total);
                for (int i = 0, from = 0; i < load.Pages.Length; from += load.Pages[i++])
                {
                    await worker.SendAsync(record, from, load.Pages[i]);
                }

                await Eventually.ThatAsync(() => worker.Model.InFlight == Math.Min(total, load.Slots), "all slots are filled");
                await Eventually.ThatAsync(() => worker.Worker.Held >= Math.Min(total, 2 * load.Slots), "the next pages wait for a slot");
                Assert.That(worker.Held.All.Sum(page => page.Page.Count), Is.LessThan((2 * load.Slots) + load.Pages.Max()));

                worker.Model.Open();
                await worker.ReportedAsync(load.Pages.Length);
                Assert.That(worker.Model.MostInFlight, Is.LessThanOrEqualTo(load.Slots));
                Assert.That(worker.Model.Calls, Is.EquivalentTo(Enumerable.Range(0, total)));
                Assert.That(worker.Worker.Held, Is.Zero);
            },
            iter: 15,
            threads: 1);

    /// <summary>Admission alone, with any number of pages offered and requests ending in any order.</summary>
    [Test]
    public void Room_is_there_exactly_while_less_than_twice_the_slots_is_held()
        => Gen.Select(Gen.Int[1, 64], Gen.Int[1, 32].Array[1, 60], Gen.Int[1, 40].Array[1, 60]).Sample((slots, pages, ends) =>
        {
            var worker = new ModelWorker("m", slots, [], new CallGate(slots));
            var offered = pages.Select(page => (Size: page, Admission: worker.AdmitAsync(page, CancellationToken.None))).ToList();
            foreach (var end in ends)
            {
                SpinUntilSettled(worker, slots, offered);
                var held = worker.Held;
                Assert.That(held, Is.LessThan((2 * slots) + 32));
                Assert.That(offered.TrueForAll(page => page.Admission.IsCompleted) || held >= 2 * slots, "what waits while there is room would leave slots empty");
                worker.Leave(Math.Min(end, held));
            }
        });

    /// <summary>Admissions go on in the background once there is room.</summary>
    private static void SpinUntilSettled(ModelWorker worker, int slots, List<(int Size, Task Admission)> offered)
        => SpinWait.SpinUntil(() => worker.Held >= 2 * slots || offered.TrueForAll(page => page.Admission.IsCompleted), TimeSpan.FromSeconds(10));
}
