using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.Tests.Mapping;

public sealed class AnswerMappingTests
{
    private const string Call = """{"id":"AAAAAAAA1","type":"function","function":{"name":"clock","arguments":"{\"zone\": \"CET\"}"}}""";
    private const string Use = """{"type":"tool_use","id":"toolu_AAAAAAAA1","name":"clock","input":{"zone":"CET"},"caller":{"type":"direct"}}""";
    private const string Cut = """{"id":"AAAAAAAA2","type":"function","function":{"name":"clock","arguments":"{\"zone\": \"C"}}""";
    private const string Hi = """{"type":"text","text":"Hi","citations":null}""";
    private const string Nothing = """{"type":"text","text":"","citations":null}""";

    // The message and the finish reason of a completion; the content and the stop reason that they become.
    [TestCase(""" "content":"Hi" """, "stop", Hi, "end_turn")]
    [TestCase(""" "content":"Hi" """, "length", Hi, "max_tokens")]
    [TestCase(""" "content":"Hi" """, "content_filter", Hi, "refusal")]
    [TestCase(""" "content":null """, "stop", Nothing, "end_turn")]
    [TestCase(""" "content":"" """, "length", Nothing, "max_tokens")]
    [TestCase(""" "role":"assistant" """, "stop", Nothing, "end_turn")]
    [TestCase(""" "content":"Hi","tool_calls":[] """, "stop", Hi, "end_turn")]
    [TestCase(""" "content":"Hi","tool_calls":null """, "stop", Hi, "end_turn")]
    [TestCase($$""" "content":null,"tool_calls":[{{Call}}] """, "tool_calls", Use, "tool_use")]
    [TestCase($$""" "content":"","tool_calls":[{{Call}}] """, "stop", Use, "tool_use")]
    [TestCase($$""" "content":"Hi","tool_calls":[{{Call}}] """, "tool_calls", $"{Hi},{Use}", "tool_use")]
    [TestCase($$""" "content":"Hi","tool_calls":[{{Call}}] """, "length", $"{Hi},{Use}", "max_tokens")]
    [TestCase($$""" "content":"Hi","tool_calls":[{{Cut}}] """, "length", Hi, "max_tokens")]
    [TestCase($$""" "content":null,"tool_calls":[{{Call}},{{Cut}}] """, "length", Use, "max_tokens")]
    [TestCase($$""" "content":null,"tool_calls":[{{Cut}}] """, "length", Nothing, "max_tokens")]
    [TestCase(""" "tool_calls":[{"id":"AAAAAAAA1","function":{"name":"f","arguments":""}},{"id":"AAAAAAAA2","function":{"name":"g","arguments":null}},{"id":"AAAAAAAA3","function":{"name":"h"}}] """, "tool_calls",
        """{"type":"tool_use","id":"toolu_AAAAAAAA1","name":"f","input":{},"caller":{"type":"direct"}},{"type":"tool_use","id":"toolu_AAAAAAAA2","name":"g","input":{},"caller":{"type":"direct"}},{"type":"tool_use","id":"toolu_AAAAAAAA3","name":"h","input":{},"caller":{"type":"direct"}}""", "tool_use")]
    [TestCase(""" "content":"Hi","reasoning":"hm" """, "stop", """{"type":"thinking","thinking":"hm","signature":"HASH"},{"type":"text","text":"Hi","citations":null}""", "end_turn")]
    [TestCase(""" "content":"Hi","reasoning_content":"hm" """, "stop", """{"type":"thinking","thinking":"hm","signature":"HASH"},{"type":"text","text":"Hi","citations":null}""", "end_turn")]
    [TestCase(""" "content":"Hi","reasoning":null,"reasoning_content":"" """, "stop", Hi, "end_turn")]
    [TestCase(""" "content":null,"reasoning":"hm" """, "length", """{"type":"thinking","thinking":"hm","signature":"HASH"}""", "max_tokens")]
    [TestCase($$""" "reasoning":"hm","content":"Hi","tool_calls":[{{Call}}] """, "tool_calls", $$"""{"type":"thinking","thinking":"hm","signature":"HASH"},{{Hi}},{{Use}}""", "tool_use")]
    [TestCase(""" "content":null,"refusal":"I will not." """, "stop", """{"type":"text","text":"I will not.","citations":null}""", "refusal")]
    [TestCase(""" "content":"Hi","refusal":null """, "stop", Hi, "end_turn")]
    public void Maps(string message, string finish, string content, string stopReason)
    {
        var answer = Message(message, finish, "{}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Regex.Replace(answer.GetProperty("content").GetRawText(), "[0-9a-f]{64}", "HASH"), Is.EqualTo($"[{content}]"));
            Assert.That(answer.GetProperty("stop_reason").GetString(), Is.EqualTo(stopReason));
            Assert.That(answer.GetProperty("stop_sequence").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(answer.GetProperty("stop_details").ValueKind, Is.EqualTo(stopReason == "refusal" ? JsonValueKind.Object : JsonValueKind.Null));
        }
    }

    [TestCase("""{"function":{"name":"f","arguments":"{"}}""")]
    [TestCase("""{"function":{"name":"f","arguments":"[]"}}""")]
    [TestCase("""{"function":{"name":"f","arguments":"\"x\""}}""")]
    [TestCase("""{"function":{"name":"f","arguments":"{} {}"}}""")]
    [TestCase("""{"function":{"name":"f","arguments":7}}""")]
    [TestCase("""{"function":{"name":"","arguments":"{}"}}""")]
    [TestCase("""{"function":{"arguments":"{}"}}""")]
    [TestCase("""{"function":"f"}""")]
    [TestCase("""{"id":"a"}""")]
    [TestCase("\"f\"")]
    public void A_bad_call_makes_the_reply_unusable(string call) => Assert.That(
        Read($$""" "tool_calls":[{{call}}] """, "tool_calls", "{}"),
        Is.EqualTo(new InferenceOutcome.Failed(InferenceError.InvalidAnswer, "a tool call of the answer has no name or its arguments are no JSON object")));

    [Test]
    public void Arguments_too_deep_to_be_read_back_make_the_reply_unusable()
    {
        var deep = string.Concat(Enumerable.Repeat("{\\\"a\\\":", 60)) + "1" + new string('}', 60);
        Assert.That(Wire.ErrorOf(Read($$$""" "tool_calls":[{"function":{"name":"f","arguments":"{{{deep}}}"}}] """, "tool_calls", "{}")), Is.EqualTo(InferenceError.InvalidAnswer));
    }

    [Test]
    public void Arguments_with_half_of_a_surrogate_pair_make_the_reply_unusable() => Assert.That(
        Read(""" "tool_calls":[{"function":{"name":"f","arguments":"{\"a\":\"\\ud83d\"}"}}] """, "tool_calls", "{}"),
        Is.EqualTo(new InferenceOutcome.Failed(InferenceError.InvalidAnswer, "the answer holds half of a surrogate pair")));

    [TestCase("tool_calls")]
    [TestCase("abort")]
    [TestCase("error")]
    [TestCase("repetition")]
    public void An_answer_that_ended_otherwise_is_unusable(string finish) => Assert.That(
        Read(""" "content":"Hi" """, finish, "{}"), Is.EqualTo(new InferenceOutcome.Failed(InferenceError.InvalidAnswer, "the answer was not finished")));

    [Test]
    public void A_call_that_was_aborted_is_unusable() => Assert.That(Wire.ErrorOf(Read($$""" "tool_calls":[{{Call}}] """, "abort", "{}")), Is.EqualTo(InferenceError.InvalidAnswer));

    [Test]
    public void Only_the_first_call_is_kept_where_one_was_asked_for() => Assert.That(
        Message($$""" "tool_calls":[{{Call}},{{Call}}] """, "tool_calls", """
            {"tools":[{"name":"clock","input_schema":{}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}
            """).GetProperty("content").GetRawText(),
        Is.EqualTo($"[{Use}]"));

    [TestCase("""{"thinking":{"type":"disabled"}}""")]
    [TestCase("""{"thinking":{"type":"adaptive","display":"omitted"}}""")]
    public void Thoughts_that_nobody_wants_are_dropped(string fields) => Assert.That(
        Message(""" "content":"Hi","reasoning":"hm" """, "stop", fields).GetProperty("content").GetRawText(), Is.EqualTo($"[{Hi}]"));

    [TestCase("\"END\"", "stop_sequence", "END")]
    [TestCase("\"</s>\"", "end_turn", null)]
    [TestCase("2", "end_turn", null)]
    [TestCase("null", "end_turn", null)]
    public void Reports_the_stop_sequence_that_matched(string reported, string stopReason, string? stopSequence)
    {
        var answer = Message(""" "content":"Hi" """, $"stop\",\"stop_reason\":{reported},\"x\":\"", """{"stop_sequences":["X","END"]}""");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.GetProperty("stop_reason").GetString(), Is.EqualTo(stopReason));
            Assert.That(answer.GetProperty("stop_sequence").GetString(), Is.EqualTo(stopSequence));
        }
    }

    [Test]
    public void A_refusal_says_why() => Assert.That(
        Message(""" "content":null,"refusal":"I will not." """, "stop", "{}").GetProperty("stop_details").GetRawText(),
        Is.EqualTo("""{"type":"refusal","category":null,"explanation":"I will not."}"""));

    // The model takes 2,000 tokens, the request asks for 50.
    [TestCase(1960, 40, "model_context_window_exceeded")]
    [TestCase(1960, 39, "max_tokens")]
    [TestCase(1950, 50, "max_tokens")]
    public void An_answer_that_filled_the_context_says_so(int prompt, int completion, string stopReason) => Assert.That(
        Message(""" "content":"Hi" """, "length", "{}", $$$"""{"prompt_tokens":{{{prompt}}},"completion_tokens":{{{completion}}},"prompt_tokens_details":{"cached_tokens":16}}""").GetProperty("stop_reason").GetString(),
        Is.EqualTo(stopReason));

    [TestCase("""{"prompt_tokens":17,"completion_tokens":2}""", 17, 0, 2)]
    [TestCase("""{"prompt_tokens":17,"completion_tokens":2,"prompt_tokens_details":null}""", 17, 0, 2)]
    [TestCase("""{"prompt_tokens":17,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":16}}""", 1, 16, 2)]
    [TestCase("""{"prompt_tokens":17,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":null}}""", 17, 0, 2)]
    [TestCase("""{"prompt_tokens":17,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":99}}""", 0, 17, 2)]
    [TestCase("null", 0, 0, 0)]
    public void Input_tokens_leave_out_cached_ones(string usage, int input, int cached, int output)
    {
        var counts = Message(""" "content":"Hi" """, "stop", "{}", usage).GetProperty("usage");
        Assert.That(
            new[] { "input_tokens", "cache_read_input_tokens", "output_tokens", "cache_creation_input_tokens" }.Select(name => counts.GetProperty(name).GetInt32()),
            Is.EqualTo(new[] { input, cached, output, 0 }));
    }

    private static JsonElement Message(string message, string finish, string fields, string usage = "null")
    {
        var outcome = Read(message, finish, fields, usage);
        Assert.That(outcome, Is.TypeOf<InferenceOutcome.Succeeded>());
        return JsonDocument.Parse(((InferenceOutcome.Succeeded)outcome).Message).RootElement;
    }

    private static InferenceOutcome Read(string message, string finish, string fields, string usage = "null")
    {
        var more = fields.Trim()[1..^1];
        var request = MappedModels.Read($$"""{"max_tokens":50,"messages":[{"role":"user","content":"hi"}]{{(more.Length > 0 ? "," : "")}}{{more}}}""", MappedModels.TextOnly);
        var completion = $$"""{"object":"chat.completion","choices":[{"message":{ {{message}} },"finish_reason":"{{finish}}"}],"usage":{{usage}}}""";
        return ChatCompletionReader.Read(JsonDocument.Parse(Encoding.UTF8.GetBytes(completion)).RootElement, MappedModels.TextOnly, request, TimeSpan.FromSeconds(1));
    }
}
