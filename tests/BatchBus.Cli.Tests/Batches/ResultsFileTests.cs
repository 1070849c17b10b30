using System.Text;
using BatchBus.Cli.Batches;

namespace BatchBus.Cli.Tests.Batches;

public sealed class ResultsFileTests
{
    [Test]
    public void Outcomes_are_told_in_the_same_order_whatever_came_first()
    {
        var counts = new ResultsFile.ResultCounts();
        foreach (var type in new[] { "expired", "canceled", "errored", "succeeded", "errored" })
        {
            counts.Add(Encoding.UTF8.GetBytes($"{{\"custom_id\":\"a\",\"result\":{{\"type\":\"{type}\"}}}}"));
        }

        Assert.That(counts.Outcome, Is.EqualTo("1 succeeded, 2 errored, 1 canceled, 1 expired"));
    }
}
