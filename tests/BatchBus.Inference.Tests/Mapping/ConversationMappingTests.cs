using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Mapping;
using CsCheck;

namespace BatchBus.Inference.Tests.Mapping;

public sealed class ConversationMappingTests
{
    private static readonly Gen<string> Words = Gen.OneOf(Gen.String[Gen.Char.AlphaNumeric, 1, 6], Gen.OneOf<string>("ä\n", "\"", "\\", "😀", "{}", "a\u2028b"));

    // What one side sends in a message: t for text, i for an image, d for a document, h for a thought, c for a call, each with a word of its own.
    private static readonly Gen<(bool IsUser, (char Kind, string Word)[] Blocks)> Message = Gen.Bool.SelectMany(isUser =>
        Gen.Select(isUser ? Gen.OneOf<char>('t', 'i', 'd') : Gen.OneOf<char>('t', 't', 'h', 'c'), Words).Array[1, 4].Select(blocks => (isUser, blocks)));

    private static readonly Gen<CatalogModel> Model = Gen.OneOf<CatalogModel>(MappedModels.Seeing, MappedModels.WithoutSystemRole);

    [Test]
    public void Order_text_images_and_calls_survive_whatever_is_said() => Gen.Select(Message.Array[1, 8], Words.Null(), Model).Sample((messages, system, model) =>
    {
        var (parameters, expected) = Params(messages, system);
        var chat = JsonNode.Parse(MappedModels.Written(parameters, model))!["messages"]!.AsArray();
        Assert.That(Said(chat), Is.EqualTo(expected));
    });

    [Test]
    public void Roles_alternate_and_results_follow_their_calls_whatever_is_said() => Gen.Select(Message.Array[1, 8], Words.Null(), Model).Sample((messages, system, model) =>
    {
        var chat = JsonNode.Parse(MappedModels.Written(Params(messages, system).Parameters, model))!["messages"]!.AsArray();
        var roles = chat.Select(message => (string)message!["role"]!).ToList();
        Assert.That(roles.Contains("system"), Is.EqualTo(system is not null && model.AcceptsSystemRole));
        var open = new HashSet<string>();
        var all = new HashSet<string>();
        var last = "assistant";
        foreach (var message in chat.Where(message => (string)message!["role"]! != "system"))
        {
            var role = (string)message!["role"]!;
            if (role == "tool")
            {
                Assert.That(open.Remove((string)message["tool_call_id"]!), Is.True, "a result answers a call of the message before");
                last = role;
                continue;
            }

            Assert.That(open, Is.Empty, "calls without a result");
            Assert.That(role, Is.Not.EqualTo(last));
            last = role;
            foreach (var call in message["tool_calls"]?.AsArray() ?? [])
            {
                var id = (string)call!["id"]!;
                Assert.That(id, Does.Match("^[0-9A-Za-z]{9}$"));
                Assert.That(open.Add(id) && all.Add(id), Is.True, "an id of its own");
            }
        }

        Assert.That(open, Is.Empty, "calls without a result");
    });

    [Test]
    public void What_the_model_answered_comes_back_to_it_as_it_was_said() =>
        Gen.Select(Words, Gen.Select(Words, Gen.Int, Gen.Char.AlphaNumeric).Array[1, 4], Gen.Bool).Sample((text, given, areShort) =>
        {
            var calls = given.Select((call, i) => new JsonObject
            {
                ["id"] = areShort ? $"{call.Item3}2345678{i}" : $"functions.f:{i}",
                ["type"] = "function",
                ["function"] = new JsonObject { ["name"] = $"f{i}", ["arguments"] = new JsonObject { [call.Item1] = call.Item2 }.ToJsonString() },
            }).ToArray<JsonNode>();
            var said = new JsonObject { ["role"] = "assistant", ["content"] = text, ["reasoning"] = "hm", ["tool_calls"] = new JsonArray(calls) };
            var completion = new JsonObject { ["object"] = "chat.completion", ["choices"] = new JsonArray(new JsonObject { ["message"] = said, ["finish_reason"] = "tool_calls" }) };

            var ask = MappedModels.Read("""{"max_tokens":8,"messages":[{"role":"user","content":"q"}]}""", MappedModels.TextOnly);
            var outcome = ChatCompletionReader.Read(JsonDocument.Parse(completion.ToJsonString()).RootElement, MappedModels.TextOnly, ask, TimeSpan.Zero);
            var answer = JsonNode.Parse(((InferenceOutcome.Succeeded)outcome).Message.Span)!["content"]!.AsArray();
            var results = answer.Where(block => (string)block!["type"]! == "tool_use")
                .Select(block => new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = (string)block!["id"]!, ["content"] = "r" }).ToArray<JsonNode>();
            var next = new JsonObject
            {
                ["max_tokens"] = 8,
                ["messages"] = new JsonArray(
                    new JsonObject { ["role"] = "user", ["content"] = "q" },
                    new JsonObject { ["role"] = "assistant", ["content"] = answer.DeepClone() },
                    new JsonObject { ["role"] = "user", ["content"] = new JsonArray(results) }),
            };

            var back = JsonNode.Parse(MappedModels.Written(next.ToJsonString(), MappedModels.TextOnly))!["messages"]![1]!;
            Assert.That((string)back["content"]!, Is.EqualTo(text));
            Assert.That(CallsOf(back, areShort), Is.EqualTo(CallsOf(said, areShort)));
        });

    [Test]
    public void Never_throws_whatever_the_model_answers()
    {
        var good = """{"object":"chat.completion","choices":[{"message":{"content":"a\ud83d\ude00","reasoning":"r","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":"stop","stop_reason":"END"}],"usage":{"prompt_tokens":1}}""";
        var ask = MappedModels.Read("""{"max_tokens":8,"stop_sequences":["END"],"messages":[{"role":"user","content":"q"}]}""", MappedModels.TextOnly);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Int[0, 20], Gen.OneOf<string>("", "null", "\"\\udc00\"", "{}", "[]", "1e400", ",", "\"x\"", "\\udc00")).Sample((from, count, mend) =>
        {
            JsonElement completion;
            try
            {
                completion = JsonElement.Parse(good[..from] + mend + good[Math.Min(good.Length, from + count)..]);
            }
            catch (JsonException)
            {
                return true;
            }

            return ChatCompletionReader.Read(completion, MappedModels.TextOnly, ask, TimeSpan.Zero) is not InferenceOutcome.Succeeded succeeded
                || JsonElement.Parse(succeeded.Message.Span).GetProperty("content").GetArrayLength() > 0;
        });
    }

    private static List<string> CallsOf(JsonNode message, bool withId) =>
        [.. message["tool_calls"]!.AsArray().Select(call =>
            $"{(withId ? call!["id"] : "")} {call!["function"]!["name"]} {JsonNode.Parse((string)call["function"]!["arguments"]!)!.ToJsonString()}")];

    /// <summary>The params of a conversation, and what a chat completion has to say in its place: results first, then the rest, thoughts never.</summary>
    private static (string Parameters, List<string> Expected) Params((bool IsUser, (char Kind, string Word)[] Blocks)[] messages, string? system)
    {
        messages = [(true, [('t', "begin")]), .. messages, (true, [('t', "end")])];
        var wire = new JsonArray();
        var expected = new List<string>();
        var (open, calls) = (new List<string>(), new List<string>());
        var count = 0;
        if (system is not null)
        {
            expected.Add($"text {system}");
        }

        for (var m = 0; m < messages.Length; m++)
        {
            var (isUser, said) = messages[m];
            var blocks = new JsonArray();
            if (isUser)
            {
                expected.AddRange(calls);
                calls.Clear();
                foreach (var id in open)
                {
                    blocks.Add(new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = id, ["content"] = $"of {id}" });
                    expected.Add($"result of {id}");
                }

                open.Clear();
            }

            foreach (var (kind, word) in said)
            {
                switch (kind)
                {
                    case 't':
                        blocks.Add(new JsonObject { ["type"] = "text", ["text"] = word });
                        expected.Add($"text {word}");
                        break;
                    case 'd':
                        blocks.Add(new JsonObject { ["type"] = "document", ["source"] = new JsonObject { ["type"] = "text", ["media_type"] = "text/plain", ["data"] = word } });
                        expected.Add($"text {word}");
                        break;
                    case 'i':
                        var data = Convert.ToBase64String(Encoding.UTF8.GetBytes(word));
                        blocks.Add(new JsonObject { ["type"] = "image", ["source"] = new JsonObject { ["type"] = "base64", ["media_type"] = "image/png", ["data"] = data } });
                        expected.Add($"image {data}");
                        break;
                    case 'h':
                        blocks.Add(new JsonObject { ["type"] = "thinking", ["thinking"] = word, ["signature"] = "s" });
                        break;
                    default:
                        open.Add($"call-{count++}");
                        blocks.Add(new JsonObject { ["type"] = "tool_use", ["id"] = open[^1], ["name"] = "f", ["input"] = new JsonObject { ["word"] = word } });
                        calls.Add($"call {word}");
                        break;
                }
            }

            wire.Add(new JsonObject { ["role"] = isUser ? "user" : "assistant", ["content"] = blocks });
        }

        var parameters = new JsonObject { ["max_tokens"] = 8, ["messages"] = wire };
        if (system is not null)
        {
            parameters["system"] = system;
        }

        return (parameters.ToJsonString(), Joined(expected));
    }

    /// <summary>The same of a chat completion's messages.</summary>
    private static List<string> Said(JsonArray chat) => Joined(chat.SelectMany(message => (string)message!["role"]! switch
    {
        "tool" => [$"result {message["content"]}"],
        _ => (message["content"] is JsonArray parts
                ? parts.Select(part => (string)part!["type"]! == "text" ? $"text {part["text"]}" : $"image {((string)part["image_url"]!["url"]!)["data:image/png;base64,".Length..]}")
                : [$"text {message["content"]}"])
            .Concat((message["tool_calls"]?.AsArray() ?? []).Select(call => $"call {JsonNode.Parse((string)call!["function"]!["arguments"]!)!["word"]}")),
    }));

    /// <summary>Texts in a row are one, whatever they are joined with.</summary>
    private static List<string> Joined(IEnumerable<string> pieces)
    {
        var joined = new List<string>();
        foreach (var piece in pieces.Select(piece => piece.Replace("\n", "", StringComparison.Ordinal)))
        {
            if (piece.StartsWith("text ", StringComparison.Ordinal) && joined.Count > 0 && joined[^1].StartsWith("text ", StringComparison.Ordinal))
            {
                joined[^1] += piece["text ".Length..];
            }
            else
            {
                joined.Add(piece);
            }
        }

        joined.RemoveAll(piece => piece == "text ");
        return joined;
    }
}
