using System.Text;
using BatchBus.Inference.Mapping;
using CsCheck;

namespace BatchBus.Inference.Tests.Mapping;

public sealed class MessagesParamsReaderTests
{
    private const string Hello = """ "messages":[{"role":"user","content":"hi"}] """;

    // The whole params object, and the message that refuses it.
    [TestCase("""[]""", "params: Input should be an object")]
    [TestCase("""{"max_tokens":1""", "params: Input should be valid JSON, nested at most 64 levels deep")]
    [TestCase("""{}""", "messages: Field required")]
    [TestCase("""{"messages":[{"role":"user","content":"hi"}]}""", "max_tokens: Field required")]
    [TestCase("""{"max_tokens":8}""", "messages: Field required")]
    [TestCase("""{"max_tokens":2001,"messages":[{"role":"user","content":"hi"}]}""", "max_tokens: 2001 is more than the 2000 tokens that mistral-7b has for prompt and answer together; ask for fewer")]
    [TestCase("""{"max_tokens":8,"messages":"hi"}""", "messages: Input should be a valid list")]
    [TestCase("""{"max_tokens":8,"messages":[]}""", "messages: at least one message is required")]
    [TestCase("""{"max_tokens":8,"messages":[1]}""", "messages.0: Input should be an object")]
    [TestCase("""{"max_tokens":8,"messages":[{"content":"hi"}]}""", "messages.0.role: Field required")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"tool","content":"hi"}]}""", "messages.0.role: Input should be 'user' or 'assistant'")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":1,"content":"hi"}]}""", "messages.0.role: Input should be 'user' or 'assistant'")]
    [TestCase(
        """{"max_tokens":8,"messages":[{"role":"user","content":"hi"},{"role":"system","content":"be kind"}]}""",
        "messages.1.role: System messages inside the conversation are not supported by this model; use the top-level \"system\" field")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user"}]}""", "messages.0.content: Field required")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":7}]}""", "messages.0.content: Input should be a valid string or a list of content blocks")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":"hi","name":"Ann"}]}""", "messages.0.name: Extra inputs are not permitted")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"assistant","content":"hi"}]}""", "messages: first message must use the \"user\" role")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":""}]}""", "messages.0: all messages must have non-empty content except for the optional final assistant message")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":[]}]}""", "messages.0: all messages must have non-empty content except for the optional final assistant message")]
    [TestCase(
        """{"max_tokens":8,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"Sure: "}]}""",
        "messages: final assistant content cannot end with trailing whitespace")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":["hi"]}]}""", "messages.0.content.0: Input should be an object")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":[{"text":"hi"}]}]}""", "messages.0.content.0.type: Field required")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":[{"type":null}]}]}""", "messages.0.content.0.type: Input should be a valid string")]
    [TestCase(
        """{"max_tokens":8,"messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image","source":{}}]}]}""",
        "messages.0.content.1.type: Content blocks of type 'image' are not supported by this model; send text")]
    [TestCase(
        """{"max_tokens":8,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"x"}]}]}""",
        "messages.0.content.0.tool_use_id: The message before this one has no `tool_use` block with the id 'x'")]
    [TestCase(
        """{"max_tokens":8,"messages":[{"role":"user","content":[{"type":"txt","text":"hi"}]}]}""",
        "messages.0.content.0.type: Input tag 'txt' found using 'type' does not match any of the expected tags: 'text', 'image', 'document', 'tool_use', 'tool_result', 'thinking', 'redacted_thinking'")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":[{"type":"text"}]}]}""", "messages.0.content.0.text: Field required")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":[{"type":"text","text":1}]}]}""", "messages.0.content.0.text: Input should be a valid string")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":[{"type":"text","text":""}]}]}""", "messages.0.content.0.text: text content blocks must be non-empty")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":[{"type":"text","text":"a","lang":"en"}]}]}""", "messages.0.content.0.lang: Extra inputs are not permitted")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":"cut \ud83d"}]}""", "messages.0.content: Input should be valid text; it holds half of a surrogate pair")]
    [TestCase("""{"max_tokens":8,"messages":[{"role":"user","content":[{"\udc00":"text"}]}]}""", "params: Input should be valid text; it holds half of a surrogate pair")]
    public void Refuses_a_bad_params_object(string parameters, string message) => Assert.That(RefusalOf(parameters), Is.EqualTo(message));

    // One field beside a good conversation, and the message that refuses it.
    [TestCase(""" "max_tokens":"8" """, "max_tokens: Input should be a valid integer")]
    [TestCase(""" "max_tokens":null """, "max_tokens: Input should be a valid integer")]
    [TestCase(""" "max_tokens":0 """, "max_tokens: Input should be greater than or equal to 1")]
    [TestCase(""" "max_tokens":1.5 """, "max_tokens: Input should be a valid integer, got a number with a fractional part")]
    [TestCase(""" "max_tokens":1e99 """, "max_tokens: Input should be between 1 and 2147483647")]
    [TestCase(""" "stream":true """, "stream: Streaming is not supported in a batch; leave it out")]
    [TestCase(""" "stream":"no" """, "stream: Input should be a valid boolean")]
    [TestCase(""" "temperature":1.1 """, "temperature: Input should be less than or equal to 1")]
    [TestCase(""" "temperature":-0.1 """, "temperature: Input should be greater than or equal to 0")]
    [TestCase(""" "temperature":"hot" """, "temperature: Input should be a valid number")]
    [TestCase(""" "top_p":2 """, "top_p: Input should be less than or equal to 1")]
    [TestCase(""" "top_k":-1 """, "top_k: Input should be greater than or equal to 0")]
    [TestCase(""" "top_k":true """, "top_k: Input should be a valid integer")]
    [TestCase(""" "stop_sequences":"END" """, "stop_sequences: Input should be a valid list")]
    [TestCase(""" "stop_sequences":["END",3] """, "stop_sequences.1: Input should be a valid string")]
    [TestCase(""" "stop_sequences":[" "] """, "stop_sequences.0: each stop sequence must contain non-whitespace")]
    [TestCase(""" "system":5 """, "system: Input should be a valid string or a list of content blocks")]
    [TestCase(""" "system":[{"type":"image"}] """, "system.0.type: Only text blocks are supported here; send text")]
    [TestCase(""" "model":7 """, "model: Input should be a valid string")]
    [TestCase(""" "thinking":{"type":"between_tools"} """, "thinking: Extended thinking on demand is not supported by this model; leave it out")]
    [TestCase(""" "thinking":true """, "thinking: Input should be an object")]
    [TestCase(""" "thinking":{"type":"adaptive","display":1} """, "thinking.display: Input should be a valid string")]
    [TestCase(""" "stop_sequences":["1","2","3","4","5"] """, "stop_sequences: This model takes at most 4 stop sequences, not 5; leave some out")]
    [TestCase(""" "metadata":"me" """, "metadata: Input should be an object")]
    [TestCase(""" "metadata":{"user_id":7} """, "metadata.user_id: Input should be a valid string")]
    [TestCase(""" "output_config":"low" """, "output_config: Input should be an object")]
    [TestCase(""" "output_config":{"format":{"type":"json_object"}} """, "output_config.format.type: Input should be 'json_schema'")]
    [TestCase(""" "output_config":{"format":{"type":"json_schema"}} """, "output_config.format.schema: Field required")]
    [TestCase(""" "output_config":{"format":{"type":"json_schema","schema":[]}} """, "output_config.format.schema: Input should be an object")]
    [TestCase(""" "output_config":{"format":{"type":"json_schema","schema":{},"name":"x"}} """, "output_config.format.name: Extra inputs are not permitted")]
    [TestCase(""" "output_config":{"format":{"type":"json_schema","schema":{"a":"\ud83d"}}} """, "params: Input should be valid text; it holds half of a surrogate pair")]
    [TestCase(""" "output_format":7 """, "output_format: Input should be an object")]
    [TestCase(""" "service_tier":1 """, "service_tier: Input should be a valid string")]
    [TestCase(""" "thinking":{"type":"enabled","budget_tokens":1024} """, "thinking: Extended thinking on demand is not supported by this model; leave it out")]
    [TestCase(""" "mcp_servers":[{}] """, "mcp_servers: MCP servers are not supported by this server; leave it out")]
    [TestCase(""" "container":"c_1" """, "container: Not supported by this server; leave it out")]
    [TestCase(""" "speed":"fast" """, "speed: Not supported in a batch; leave it out")]
    [TestCase(""" "betas":[] """, "betas: Extra inputs are not permitted")]
    public void Refuses_a_bad_field(string field, string message) =>
        Assert.That(RefusalOf($$"""{ {{(field.Contains("max_tokens", StringComparison.Ordinal) ? "" : "\"max_tokens\":8,")}} {{field}},{{Hello}} }"""), Is.EqualTo(message));

    [TestCase(""" "model":"claude-haiku-4-5" """)]
    [TestCase(""" "stream":false """)]
    [TestCase(""" "metadata":{"user_id":null} """)]
    [TestCase(""" "thinking":{"type":"adaptive","display":"summarized"} """)]
    [TestCase(""" "output_config":{"format":null} """)]
    [TestCase(""" "tool_choice":{"type":"none"} """)]
    [TestCase(""" "service_tier":"auto" """)]
    [TestCase(""" "cache_control":{"type":"ephemeral"} """)]
    [TestCase(""" "inference_geo":"us" """)]
    [TestCase(""" "diagnostics":null """)]
    [TestCase(""" "thinking":{"type":"disabled"} """)]
    [TestCase(""" "tools":[] """)]
    [TestCase(""" "tool_choice":{"type":"auto"} """)]
    [TestCase(""" "output_config":{"effort":"low"} """)]
    [TestCase(""" "container":null """)]
    [TestCase(""" "speed":"standard" """)]
    [TestCase(""" "system":"" """)]
    public void Ignores_a_field_without_effect(string field) =>
        Assert.That(Written($$"""{ "max_tokens":8,{{field}},{{Hello}} }"""), Is.EqualTo(Written($$"""{ "max_tokens":8,{{Hello}} }""")));

    [Test]
    public void Refuses_text_that_is_no_UTF_8()
    {
        byte[] parameters = [.. """{"max_tokens":8,"messages":[{"role":"user","content":"a"""u8, 0xff, .. "\"}]}"u8];
        MessagesParamsReader.TryRead(parameters, MappedModels.TextOnly, out _, out var refusal);
        Assert.That(refusal?.Message, Is.EqualTo("params: Input should be valid UTF-8"));
    }

    [Test]
    public void Refuses_a_user_id_that_the_API_would_refuse() => Assert.That(
        RefusalOf($$"""{"max_tokens":8,"metadata":{"user_id":"{{new string('u', 513)}}"},{{Hello}}}"""),
        Is.EqualTo("metadata.user_id: String should have at most 512 characters"));

    [Test]
    public void Cuts_a_long_field_name_in_the_message()
    {
        var message = RefusalOf($$"""{"{{new string('x', 5000)}}":1}""");
        Assert.That(message, Is.EqualTo(new string('x', 100) + "...: Extra inputs are not permitted"));
    }

    [Test]
    public void Refuses_more_messages_than_the_API_takes()
    {
        var messages = string.Join(',', Enumerable.Repeat("1", 100_001));
        Assert.That(RefusalOf($$"""{"max_tokens":8,"messages":[{{messages}}]}"""), Is.EqualTo("messages: List should have at most 100000 items after validation, not 100001"));
    }

    [Test]
    public void Never_throws_whatever_the_bytes() => Gen.Byte.Array[0, 60].Sample(bytes =>
        MessagesParamsReader.TryRead(bytes, MappedModels.TextOnly, out _, out var refusal) || refusal!.ErrorType == "invalid_request_error");

    [Test]
    public void Never_throws_however_a_good_request_is_cut_and_mended()
    {
        var good = """{"model":"m","max_tokens":8,"system":[{"type":"text","text":"s\ud83d\ude00"}],"stop_sequences":["a"],"messages":[{"role":"user","content":"hi"}]}""";
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Int[0, 30], Gen.OneOf<string>("", "null", "\"\\udc00\"", "{}", "[]", "1e400", ",", "\"x\"")).Sample((from, count, mend) =>
        {
            var text = good[..from] + mend + good[Math.Min(good.Length, from + count)..];
            return MessagesParamsReader.TryRead(Encoding.UTF8.GetBytes(text), MappedModels.TextOnly, out _, out var refusal) || refusal!.Message.Length > 0;
        });
    }

    private static string? RefusalOf(string parameters) => MappedModels.RefusalOf(parameters, MappedModels.TextOnly);

    private static string Written(string parameters) => MappedModels.Written(parameters, MappedModels.TextOnly);
}
