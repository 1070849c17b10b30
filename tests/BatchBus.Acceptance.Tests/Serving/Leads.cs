using System.Text.Json;
using BatchBus.Simulator;

namespace BatchBus.Acceptance.Tests.Serving;

/// <summary>Requests whose answers tell which request they belong to.</summary>
public static class Leads
{
    public static string CustomId(int i) => $"lead-{i:00000}";

    public static string Prompt(int i) => $"Research lead {i:00000} of this year's trade fair and write two sentences.";

    /// <summary>The body of a create, with models chosen by hint.</summary>
    public static object Batch(int count, Func<int, string> model) => new
    {
        requests = Enumerable.Range(0, count).Select(i => new
        {
            custom_id = CustomId(i),
            metadata = new { model_hint = model(i) },
            @params = new { max_tokens = 200, messages = new[] { new { role = "user", content = Prompt(i) } } },
        }),
    };

    /// <summary>Every request has exactly one result, and it is the answer to that request.</summary>
    public static void AssertEachAnsweredOnce(IReadOnlyList<JsonElement> results, int count)
    {
        Assert.That(results, Has.Count.EqualTo(count));
        var byId = results.ToDictionary(line => line.GetProperty("custom_id").GetString()!);
        Assert.That(byId, Has.Count.EqualTo(count), "custom_ids are unique");
        using (Assert.EnterMultipleScope())
        {
            for (var i = 0; i < count; i++)
            {
                var result = byId[CustomId(i)].GetProperty("result");
                Assert.That(result.GetProperty("type").GetString(), Is.EqualTo("succeeded"), result.ToString());
                var text = result.GetProperty("message").GetProperty("content")[0].GetProperty("text").GetString();
                Assert.That(text, Does.Contain(SimulatedAnswer.Echo([new ChatMessage("user", Prompt(i))])), CustomId(i));
            }
        }
    }

    /// <summary>The final counts: all succeeded.</summary>
    public static void AssertAllSucceeded(JsonElement batch, int count)
    {
        var counts = batch.GetProperty("request_counts");
        Assert.That(
            new[] { "processing", "succeeded", "errored", "canceled", "expired" }.Select(name => counts.GetProperty(name).GetInt32()),
            Is.EqualTo(new[] { 0, count, 0, 0, 0 }));
    }
}
