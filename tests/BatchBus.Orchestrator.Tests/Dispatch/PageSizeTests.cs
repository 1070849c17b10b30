using BatchBus.Orchestrator.Dispatch;
using CsCheck;

namespace BatchBus.Orchestrator.Tests.Dispatch;

public sealed class PageSizeTests
{
    private static readonly Gen<(int Remaining, int Workers, int Slots, int Window, long MeanBytes, DispatchOptions Options)> Inputs = Gen.Select(
        Gen.Int[1, 5_000],
        Gen.Int[0, 40],
        Gen.Int[0, 70],
        Gen.Int[1, 600],
        Gen.Long[0, 2 << 20],
        Gen.Select(Gen.Int[1, 32], Gen.Int[1, 8 << 20], (size, bytes) => new DispatchOptions { MaxPageSize = size, MaxPageBytes = bytes }),
        (remaining, workers, slots, window, bytes, options) => (remaining, workers, workers * slots, window, bytes, options));

    [Test]
    public void The_next_page_holds_at_least_one_request_and_never_more_than_remain_or_are_allowed()
        => Inputs.Sample(input =>
        {
            var size = PageSize.Next(input.Remaining, input.Workers, input.Slots, input.Window, input.MeanBytes, input.Options);
            Assert.That(size, Is.InRange(1, Math.Min(input.Remaining, input.Options.MaxPageSize)));
            Assert.That(size == 1 || size * input.MeanBytes <= input.Options.MaxPageBytes, "a page of several requests keeps to the bytes");
        });

    [Test]
    public void A_page_is_no_more_than_half_of_a_workers_slots_so_that_a_worker_holds_little_more_than_twice_its_slots()
        => Inputs.Where(input => input.Slots > 0).Sample(input => Assert.That(
            PageSize.Next(input.Remaining, input.Workers, input.Slots, input.Window, input.MeanBytes, input.Options),
            Is.LessThanOrEqualTo(Math.Max(1, input.Slots / input.Workers / 2))));

    [Test]
    public void Pages_cover_a_lane_and_the_last_takes_no_more_than_its_part()
        => Inputs.Sample(input =>
        {
            var pages = Cut(input.Remaining, input.Workers, input.Slots, input.Window, input.MeanBytes, input.Options);
            Assert.That(pages.Sum(), Is.EqualTo(input.Remaining));
            Assert.That(pages, Is.Ordered.Descending, "the tail does not hang on one page");
        });

    [Test]
    public void A_short_batch_is_spread_over_all_workers()
        => Gen.Select(Gen.Int[2, 40], Gen.Int[1, 500]).Sample((workers, requests) =>
        {
            var pages = Cut(requests, workers, 64 * workers, 128 * workers, 0, new DispatchOptions());
            Assert.That(pages, Has.Count.GreaterThanOrEqualTo(Math.Min(workers, requests)));
            Assert.That(pages[0], Is.LessThanOrEqualTo((requests + workers - 1) / workers), "no worker has more than an even part in one page");
        });

    private static List<int> Cut(int requests, int workers, int slots, int window, long meanBytes, DispatchOptions options)
    {
        var pages = new List<int>();
        for (var remaining = requests; remaining > 0; remaining -= pages[^1])
        {
            pages.Add(PageSize.Next(remaining, workers, slots, window, meanBytes, options));
        }

        return pages;
    }
}
