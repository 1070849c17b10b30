using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;

namespace BatchBus.Simulator.Tests;

/// <summary>The sample that the main command is shown with.</summary>
public sealed class SampleLeadsTests
{
    private static readonly string Text = File.ReadAllText(Find());
    private static readonly List<JsonNode> Lines = [.. Text.TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)!)];

    private static IEnumerable<TestCaseData> Requests => Lines.Select(line => new TestCaseData(line).SetArgDisplayNames((string)line["custom_id"]!));

    [Test]
    public void There_are_48_lines_that_end_with_a_line_feed()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Lines, Has.Count.EqualTo(48));
            Assert.That(Text, Does.EndWith("}\n").And.Not.Contain("\r"));
        }
    }

    [Test]
    public void The_custom_ids_are_valid_and_unique() =>
        Assert.That(Lines.Select(line => (string)line["custom_id"]!), Is.Unique.And.All.Match("^[a-zA-Z0-9_-]{1,64}$"));

    [TestCase("sales_intel")]
    [TestCase("subject")]
    [TestCase("email")]
    [TestCase("polish")]
    public void Every_stage_has_at_least_ten(string stage) =>
        Assert.That(Lines.Count(line => (string?)line["metadata"]?["stage"] == stage), Is.GreaterThanOrEqualTo(10));

    [Test]
    public void Every_way_of_routing_and_every_shape_occurs()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Lines.Count(line => line["metadata"]?["model_hint"] is not null), Is.GreaterThanOrEqualTo(2));
            Assert.That(Lines.Count(line => line["params"]!["model"] is not null && line["metadata"] is null), Is.GreaterThanOrEqualTo(2));
            Assert.That(Lines.Count(line => line["params"]!["messages"]!.AsArray().Count > 1), Is.InRange(2, 3));
            Assert.That(Lines.Count(line => line["params"]!["stop_sequences"] is not null), Is.InRange(1, 2));
        }
    }

    [TestCaseSource(nameof(Requests))]
    public void A_request_can_be_routed_and_has_a_prompt_of_a_usual_length(JsonNode line)
    {
        var parameters = line["params"]!;
        var messages = parameters["messages"]!.AsArray();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(line["metadata"]?["stage"] ?? parameters["model"], Is.Not.Null);
            Assert.That((int)parameters["max_tokens"]!, Is.InRange(50, 1000));
            Assert.That((double)parameters["temperature"]!, Is.InRange(0, 1));
            Assert.That((string)messages[0]!["role"]!, Is.EqualTo("user"));
            Assert.That((string)messages[^1]!["role"]!, Is.EqualTo("user"));
            Assert.That((string)messages[0]!["content"]!, Has.Length.InRange(400, 1800));
            Assert.That((string)parameters["system"]!, Is.Not.Empty);
        }
    }

    [Test]
    public void Prompts_differ() =>
        Assert.That(Lines.Select(line => line["params"]!["messages"]!.ToJsonString()), Is.Unique);

    private static string Find([CallerFilePath] string path = "") =>
        Path.Combine(Path.GetDirectoryName(path)!, "..", "..", "infra", "samples", "leads.jsonl");
}
