using System.Text;
using System.Text.Json;
using BatchBus.Inference.Mapping;
using CsCheck;

namespace BatchBus.Inference.Tests.Mapping;

public sealed class ChatRequestWriterTests
{
    // What follows max_tokens in the params, and what follows the model's name in the chat request.
    [TestCase(
        """ "messages":[{"role":"user","content":"hi"}] """,
        """ "messages":[{"role":"user","content":"hi"}],"max_tokens":8,"temperature":1 """,
        TestName = "One user text")]
    [TestCase(
        """ "system":"Be brief.","messages":[{"role":"user","content":"hi"}] """,
        """ "messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}],"max_tokens":8,"temperature":1 """,
        TestName = "System text first")]
    [TestCase(
        """ "messages":[{"role":"user","content":"hi"}],"system":"Be brief." """,
        """ "messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}],"max_tokens":8,"temperature":1 """,
        TestName = "System text first even where it comes last")]
    [TestCase(
        """ "system":[{"type":"text","text":"A"},{"type":"text","text":"B","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"hi"}] """,
        """ "messages":[{"role":"system","content":"A\nB"},{"role":"user","content":"hi"}],"max_tokens":8,"temperature":1 """,
        TestName = "System blocks joined by a line break")]
    [TestCase(
        """ "messages":[{"role":"user","content":[{"type":"text","text":"A","citations":null},{"text":"B","type":"text"}]}] """,
        """ "messages":[{"role":"user","content":"A\nB"}],"max_tokens":8,"temperature":1 """,
        TestName = "User blocks joined by a line break")]
    [TestCase(
        """ "messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text","text":"b"},{"type":"text","text":"c"}]},{"role":"user","content":"d"}] """,
        """ "messages":[{"role":"user","content":"a"},{"role":"assistant","content":"bc"},{"role":"user","content":"d"}],"max_tokens":8,"temperature":1 """,
        TestName = "Assistant blocks joined without a seam")]
    [TestCase(
        """ "messages":[{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":"c"},{"role":"assistant","content":"d"},{"role":"user","content":"e"}] """,
        """ "messages":[{"role":"user","content":"a\nb"},{"role":"assistant","content":"cd"},{"role":"user","content":"e"}],"max_tokens":8,"temperature":1 """,
        TestName = "Repeated roles merged")]
    [TestCase(
        """ "messages":[{"role":"user","content":"a"},{"role":"assistant","content":"{"}] """,
        """ "messages":[{"role":"user","content":"a"},{"role":"assistant","content":"{"}],"max_tokens":8,"temperature":1,"continue_final_message":true,"add_generation_prompt":false """,
        TestName = "A final assistant text is continued")]
    [TestCase(
        """ "messages":[{"role":"user","content":"a"},{"role":"assistant","content":""}] """,
        """ "messages":[{"role":"user","content":"a"}],"max_tokens":8,"temperature":1 """,
        TestName = "An empty final assistant text is dropped")]
    [TestCase(
        """ "temperature":0.2,"top_p":0.9,"top_k":40,"stop_sequences":["\n\nHuman:","END"],"messages":[{"role":"user","content":"a"}] """,
        """ "messages":[{"role":"user","content":"a"}],"max_tokens":8,"temperature":0.2,"top_p":0.9,"top_k":40,"stop":["\n\nHuman:","END"] """,
        TestName = "Sampling settings")]
    [TestCase(
        """ "temperature":0,"top_p":1.0,"top_k":0,"stop_sequences":[],"messages":[{"role":"user","content":"a"}] """,
        """ "messages":[{"role":"user","content":"a"}],"max_tokens":8,"temperature":0,"top_p":1,"top_k":0 """,
        TestName = "Sampling settings at their ends")]
    [TestCase(
        """ "top_p":0,"messages":[{"role":"user","content":"a"}] """,
        """ "messages":[{"role":"user","content":"a"}],"max_tokens":8,"temperature":1,"top_k":1 """,
        TestName = "A top_p of zero leaves one token")]
    [TestCase(
        """ "metadata":{"user_id":"u-1"},"messages":[{"role":"user","content":"a"}] """,
        """ "messages":[{"role":"user","content":"a"}],"max_tokens":8,"temperature":1,"user":"u-1" """,
        TestName = "The user's id")]
    [TestCase(
        """ "output_config":{"effort":"low","format":{"type":"json_schema","schema":{ "type" : "object", "properties":{"a":{"const":"\u00e4"}} }}},"messages":[{"role":"user","content":"a"}] """,
        """ "messages":[{"role":"user","content":"a"}],"max_tokens":8,"temperature":1,"response_format":{"type":"json_schema","json_schema":{"name":"output","schema":{"type":"object","properties":{"a":{"const":"ä"}}},"strict":true}} """,
        TestName = "Structured output")]
    [TestCase(
        """ "output_format":{"type":"json_schema","schema":{}},"messages":[{"role":"user","content":"a"}] """,
        """ "messages":[{"role":"user","content":"a"}],"max_tokens":8,"temperature":1,"response_format":{"type":"json_schema","json_schema":{"name":"output","schema":{},"strict":true}} """,
        TestName = "Structured output by its old name")]
    [TestCase(
        """ "messages":[{"role":"user","content":"q"}],"messages":[{"role":"user","content":"a\u00e4\ud83d\ude00 \"<&>\" \\ \t"}] """,
        """ "messages":[{"role":"user","content":"aä\uD83D\uDE00 \"<&>\" \\ \t"}],"max_tokens":8,"temperature":1 """,
        TestName = "Escapes undone and the last of two equal fields taken")]
    public void Maps(string parameters, string expected) =>
        Assert.That(Write($$"""{"max_tokens":8,{{parameters}}}"""), Is.EqualTo($$"""{"model":"served",{{expected.Trim()}}}"""));

    [Test]
    public void An_integer_with_a_zero_fraction_is_an_integer() =>
        Assert.That(Write("""{"max_tokens":1024.0,"messages":[{"role":"user","content":"a"}]}"""), Does.Contain("\"max_tokens\":1024,"));

    [Test]
    public void A_job_wraps_the_same_request_and_bounds_its_life()
    {
        var request = MappedModels.Read("""{"max_tokens":8,"messages":[{"role":"user","content":"hi"}]}""", MappedModels.TextOnly);
        var job = ChatRequestWriter.WriteJob(request, MappedModels.TextOnly, "served", TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(11));
        Assert.That(Encoding.UTF8.GetString(job.Span), Is.EqualTo(
            """{"input":{"openai_route":"/v1/chat/completions","openai_input":{"model":"served","messages":[{"role":"user","content":"hi"}],"max_tokens":8,"temperature":1}},"policy":{"executionTimeout":600000,"ttl":660000}}"""));
    }

    [Test]
    public void Roles_alternate_and_no_text_is_lost_whoever_speaks()
    {
        var turn = Gen.Select(Gen.Bool, Gen.String[Gen.Char.AlphaNumeric, 1, 5]);
        turn.Array[1, 12].Sample(turns =>
        {
            turns[0].Item1 = true;
            var messages = turns.Select(t => new { role = t.Item1 ? "user" : "assistant", content = t.Item2 });
            var chat = JsonDocument.Parse(Write(JsonSerializer.Serialize(new { max_tokens = 8, messages }))).RootElement.GetProperty("messages").EnumerateArray().ToList();
            var roles = chat.Select(m => m.GetProperty("role").GetString()).ToList();
            var said = string.Concat(chat.Select(m => m.GetProperty("content").GetString())).Replace("\n", "", StringComparison.Ordinal);
            return roles.Where((role, i) => role != (i % 2 == 0 ? "user" : "assistant")).Any() is false
                && said == string.Concat(turns.Select(t => t.Item2));
        });
    }

    [Test]
    public void Any_text_arrives_as_it_was_sent() => Gen.String.Where(text => text.Length > 0 && !HasLoneSurrogate(text)).Sample(text =>
    {
        var chat = Write(JsonSerializer.Serialize(new { max_tokens = 8, messages = new[] { new { role = "user", content = text } } }));
        return JsonDocument.Parse(chat).RootElement.GetProperty("messages")[0].GetProperty("content").GetString() == text && !chat.Contains('\n', StringComparison.Ordinal);
    });

    private static bool HasLoneSurrogate(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]))
            {
                if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                {
                    return true;
                }

                i++;
            }
        }

        return false;
    }

    private static string Write(string parameters) => MappedModels.Written(parameters, MappedModels.TextOnly);
}
