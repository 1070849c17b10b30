using System.Text.Json.Nodes;
using BatchBus.Cli.RunPod;
using CsCheck;

namespace BatchBus.Cli.Tests.RunPod;

public sealed class EndpointDifferenceTests
{
    private static readonly Gen<string> Name = Gen.OneOf("A", "B", "C");
    private static readonly Gen<string> Value = Gen.OneOf("1", "2");

    private static readonly Gen<JsonObject> Settings = Gen.Select(
        Gen.Dictionary(Name, Value)[0, 3],
        Gen.Dictionary(Gen.OneOf("min", "max"), Gen.Int[0, 2])[0, 2],
        Gen.Bool,
        Gen.OneOf("ADA_24", "AMPERE_80").Array[1, 2],
        Gen.OneOf("L4", "L40").Array[0, 2],
        Gen.Int[0, 2],
        (env, workers, delays, pools, excluded, disk) =>
        {
            var settings = new JsonObject
            {
                ["env"] = new JsonObject(env.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
                ["workers"] = new JsonObject(workers.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
                ["scaling"] = delays ? new JsonObject { ["type"] = "QUEUE_DELAY", ["queueDelay"] = 4 } : new JsonObject { ["type"] = "REQUEST_COUNT", ["requestCount"] = 64 },
                ["gpu"] = new JsonObject { ["pools"] = Texts(pools) },
            };
            if (excluded.Length > 0)
            {
                settings["gpu"]!["excludedTypes"] = Texts(excluded);
            }

            if (disk > 0)
            {
                settings["disk"] = disk;
            }

            return settings;
        });

    [Test]
    public void A_change_brings_an_endpoint_into_line_and_leaves_alone_what_the_file_does_not_set() => Gen.Select(Settings, Settings).Sample((wanted, current) =>
    {
        var definition = new EndpointDefinition("a", wanted, wanted);
        var difference = EndpointDifference.Between(definition, new RunPodEndpoint("id", "a", current));

        var changed = FakeRunPod.Merge(current, difference.Body);

        return EndpointDifference.Between(definition, new RunPodEndpoint("id", "a", changed)).IsEmpty
            && difference.IsEmpty == JsonNode.DeepEquals(current, changed)
            && current["env"]!.AsObject().All(variable => wanted["env"]![variable.Key] is not null || JsonNode.DeepEquals(changed["env"]![variable.Key], variable.Value))
            && current["workers"]!.AsObject().All(member => wanted["workers"]![member.Key] is not null || JsonNode.DeepEquals(changed["workers"]![member.Key], member.Value))
            && (difference.Body["gpu"]?["excludedTypes"] is null || difference.Body["gpu"]?["pools"] is not null);
    });

    [Test]
    public void A_list_in_another_order_is_no_difference()
    {
        var wanted = new JsonObject { ["dataCenterIds"] = Texts("EU-RO-1", "US-TX-3") };
        var current = new JsonObject { ["dataCenterIds"] = Texts("US-TX-3", "EU-RO-1") };

        Assert.That(EndpointDifference.Between(new EndpointDefinition("a", wanted, wanted), new RunPodEndpoint("id", "a", current)).IsEmpty, Is.True);
    }

    private static JsonArray Texts(params string[] texts) => [.. texts.Select(text => (JsonNode)text)];
}
