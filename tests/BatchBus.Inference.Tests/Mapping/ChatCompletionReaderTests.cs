using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.Tests.Mapping;

public sealed class ChatCompletionReaderTests
{
    private const string Usage = """{"prompt_tokens":17,"completion_tokens":2,"total_tokens":19}""";

    private static readonly ChatRequest Request = new() { MaxTokens = 8, Turns = [new ChatTurn(ChatRole.User)], StopSequences = ["END", "\n\n"] };

    [Test]
    public void An_answer_becomes_a_whole_message()
    {
        var succeeded = Succeeded(Completion(""" "101" """, "\"stop\""));
        var message = Regex.Replace(Encoding.UTF8.GetString(succeeded.Message.Span), "(?<=\"msg_)[0-9A-Za-z]{24}(?=\")", "ID");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(message, Is.EqualTo(
                """{"id":"msg_ID","type":"message","role":"assistant","model":"mistral-7b","content":[{"type":"text","text":"101","citations":null}],"stop_reason":"end_turn","stop_sequence":null,"stop_details":null,"container":null,"diagnostics":null,"usage":{"input_tokens":17,"output_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":null,"server_tool_use":null,"output_tokens_details":null,"inference_geo":null,"service_tier":"batch","speed":null}}"""));
            Assert.That(succeeded.Usage, Is.EqualTo(new InferenceUsage(17, 0, 2, TimeSpan.FromSeconds(3))));
        }
    }

    [TestCase("\"stop\"", "null", "end_turn", null)]
    [TestCase("\"stop\"", "2", "end_turn", null, TestName = "A token id is no stop sequence")]
    [TestCase("\"stop\"", "\"END\"", "stop_sequence", "END")]
    [TestCase("\"stop\"", "\"\\n\\n\"", "stop_sequence", "\n\n")]
    [TestCase("\"stop\"", "\"</s>\"", "end_turn", null, TestName = "A string that the request did not name is no stop sequence")]
    [TestCase("\"length\"", "null", "max_tokens", null)]
    [TestCase("\"length\"", "\"END\"", "max_tokens", null)]
    [TestCase("\"content_filter\"", "null", "refusal", null)]
    public void The_stop_reason_follows_the_finish_reason(string finish, string stop, string reason, string? sequence)
    {
        var message = MessageOf(Completion(""" "x" """, finish, stop));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(message.GetProperty("stop_reason").GetString(), Is.EqualTo(reason));
            Assert.That(message.GetProperty("stop_sequence").GetString(), Is.EqualTo(sequence));
            Assert.That(message.GetProperty("stop_details").ValueKind, Is.EqualTo(reason == "refusal" ? JsonValueKind.Object : JsonValueKind.Null));
        }
    }

    [TestCase("null")]
    [TestCase("\"\"")]
    public void An_empty_answer_is_one_empty_block(string content) =>
        Assert.That(MessageOf(Completion(content, "\"stop\"")).GetProperty("content")[0].GetProperty("text").GetString(), Is.Empty);

    [TestCase("""{"prompt_tokens":17,"completion_tokens":2}""", 17, 0, 2)]
    [TestCase("""{"prompt_tokens":17,"completion_tokens":2,"prompt_tokens_details":null}""", 17, 0, 2)]
    [TestCase("""{"prompt_tokens":17,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":16}}""", 1, 16, 2)]
    [TestCase("""{"prompt_tokens":17,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":99}}""", 0, 17, 2, TestName = "Never more cached than sent")]
    [TestCase("""{"prompt_tokens":-1,"completion_tokens":"2"}""", 0, 0, 0)]
    [TestCase("null", 0, 0, 0)]
    public void The_usage_tells_cached_tokens_apart(string usage, int input, int cached, int output)
    {
        var succeeded = Succeeded(Completion(""" "x" """, "\"stop\"", usage: usage));
        var wire = JsonDocument.Parse(succeeded.Message).RootElement.GetProperty("usage");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(succeeded.Usage, Is.EqualTo(new InferenceUsage(input, cached, output, TimeSpan.FromSeconds(3))));
            Assert.That(wire.GetProperty("input_tokens").GetInt32(), Is.EqualTo(input));
            Assert.That(wire.GetProperty("cache_read_input_tokens").GetInt32(), Is.EqualTo(cached));
            Assert.That(wire.GetProperty("output_tokens").GetInt32(), Is.EqualTo(output));
        }
    }

    [Test]
    public void The_message_is_one_line_for_every_reader_of_lines()
    {
        var message = Encoding.UTF8.GetString(Succeeded(Completion("\"a\\n\\r\u2028\u2029\u0085b ä😀\"", "\"stop\"")).Message.Span);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(message.IndexOfAny(['\n', '\r', '\u2028', '\u2029', '\u0085', '\f', '\v']), Is.EqualTo(-1));
            Assert.That(JsonDocument.Parse(message).RootElement.GetProperty("content")[0].GetProperty("text").GetString(), Is.EqualTo("a\n\r\u2028\u2029\u0085b ä😀"));
        }
    }

    [TestCase("""[]""", "the answer is no JSON object")]
    [TestCase("""{"id":"x"}""", "the answer is no chat completion")]
    [TestCase("""{"object":"text_completion","choices":[]}""", "the answer is no chat completion")]
    public void What_is_no_completion_is_an_unusable_reply(string reply, string reason) =>
        Assert.That(Read(reply), Is.EqualTo(new InferenceOutcome.Failed(InferenceError.UnusableReply, reason)));

    [TestCase("""{"object":"chat.completion"}""", "the answer holds no choice")]
    [TestCase("""{"object":"chat.completion","choices":[]}""", "the answer holds no choice")]
    [TestCase("""{"object":"chat.completion","choices":[1]}""", "the answer holds no choice")]
    [TestCase("""{"object":"chat.completion","choices":[{"index":0,"finish_reason":"stop"}]}""", "the answer holds no choice")]
    [TestCase("""{"object":"chat.completion","choices":[{"message":{"content":"x"}}]}""", "the answer was not finished")]
    [TestCase("""{"object":"chat.completion","choices":[{"message":{"content":"x"},"finish_reason":null}]}""", "the answer was not finished")]
    [TestCase("""{"object":"chat.completion","choices":[{"message":{"content":"x"},"finish_reason":"abort"}]}""", "the answer was not finished")]
    [TestCase("""{"object":"chat.completion","choices":[{"message":{"content":"x"},"finish_reason":"error"}]}""", "the answer was not finished")]
    [TestCase("""{"object":"chat.completion","choices":[{"message":{"content":[]},"finish_reason":"stop"}]}""", "the answer's content is no text")]
    [TestCase("""{"object":"chat.completion","choices":[{"message":{"content":"\ud83d"},"finish_reason":"stop"}]}""", "the answer holds half of a surrogate pair")]
    [TestCase("""{"\udc00":1}""", "the answer holds half of a surrogate pair")]
    public void A_completion_that_says_nothing_is_an_invalid_answer(string completion, string reason) =>
        Assert.That(Read(completion), Is.EqualTo(new InferenceOutcome.Failed(InferenceError.InvalidAnswer, reason)));

    [TestCase("""{"object":"error","message":"bad top_k","type":"BadRequestError","code":400}""", "bad top_k")]
    [TestCase("""{"error":{"message":"bad top_k","type":"BadRequestError","param":null,"code":400}}""", "bad top_k")]
    [TestCase("""{"error":{"message":"This model's maximum context length is 8192 tokens. However, you requested","code":400}}""", "prompt is too long: prompt and max_tokens together exceed the model's 8192 tokens")]
    public void An_error_object_about_the_request_refuses_it(string reply, string message) =>
        Assert.That(Read(reply), Is.EqualTo(new InferenceOutcome.Refused("invalid_request_error", message)));

    [TestCase("""{"object":"error","message":"no such model","code":404}""", InferenceError.UnknownModel)]
    [TestCase("""{"error":{"message":"boom","code":500}}""", InferenceError.ServerError)]
    [TestCase("""{"error":"boom"}""", InferenceError.ServerError)]
    [TestCase("""{"detail":"boom"}""", InferenceError.ServerError)]
    public void An_error_object_about_the_server_is_a_failure(string reply, InferenceError error) =>
        Assert.That(Read(reply), Is.TypeOf<InferenceOutcome.Failed>().With.Property(nameof(InferenceOutcome.Failed.Error)).EqualTo(error));

    private static string Completion(string content, string finish, string stop = "null", string usage = Usage) =>
        $$"""{"id":"chatcmpl-1","object":"chat.completion","model":"served","choices":[{"index":0,"message":{"role":"assistant","content":{{content}}},"logprobs":null,"finish_reason":{{finish}},"stop_reason":{{stop}}}],"usage":{{usage}}}""";

    private static InferenceOutcome Read(string completion) =>
        ChatCompletionReader.Read(JsonDocument.Parse(completion).RootElement, MappedModels.TextOnly, Request, TimeSpan.FromSeconds(3));

    private static InferenceOutcome.Succeeded Succeeded(string completion)
    {
        var outcome = Read(completion);
        Assert.That(outcome, Is.TypeOf<InferenceOutcome.Succeeded>());
        return (InferenceOutcome.Succeeded)outcome;
    }

    private static JsonElement MessageOf(string completion) => JsonDocument.Parse(Succeeded(completion).Message).RootElement;
}
