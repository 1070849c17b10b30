using System.Net;
using System.Text.Json.Nodes;

namespace BatchBus.Simulator.Tests;

public sealed class ChatCompletionsTests
{
    private RunningSimulator _simulator = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _simulator = await RunningSimulator.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _simulator.DisposeAsync();

    [TestCase("/v1/chat/completions")]
    [TestCase("/v2/any-endpoint/openai/v1/chat/completions")]
    public async Task A_chat_is_answered_with_a_marked_answer_that_echoes_it(string path)
    {
        var (status, body) = await _simulator.PostAsync(path, RunningSimulator.Chat("What is new at Nordlys?", "You write emails.").ToJsonString());

        var choice = body["choices"]![0]!;
        var text = (string)choice["message"]!["content"]!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.EqualTo(HttpStatusCode.OK));
            Assert.That((string)body["object"]!, Is.EqualTo("chat.completion"));
            Assert.That((string)body["id"]!, Does.StartWith("chatcmpl-"));
            Assert.That((string)body["model"]!, Is.EqualTo("mistral-7b"));
            Assert.That((string)choice["message"]!["role"]!, Is.EqualTo("assistant"));
            Assert.That(text, Does.StartWith("[simulated mistral-7b] "));
            Assert.That(text, Does.Contain(SimulatedAnswer.Echo([new("system", "You write emails."), new("user", "What is new at Nordlys?")])));
            Assert.That((string)choice["finish_reason"]!, Is.EqualTo("stop"));
            Assert.That(choice.AsObject().ContainsKey("stop_reason") && choice["stop_reason"] is null, Is.True);
        }
    }

    [Test]
    public async Task The_same_chat_gets_the_same_text_and_another_chat_another()
    {
        var first = await TextOfAsync(RunningSimulator.Chat("one"));
        var second = await TextOfAsync(RunningSimulator.Chat("one"));
        var other = await TextOfAsync(RunningSimulator.Chat("two"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(second, Is.EqualTo(first));
            Assert.That(other, Is.Not.EqualTo(first));
        }
    }

    [Test]
    public async Task Content_in_parts_counts_as_its_lines()
    {
        var chat = RunningSimulator.Chat("");
        chat["messages"]![0]!["content"] = new JsonArray(
            new JsonObject { ["type"] = "text", ["text"] = "Ärger \"hier\"" }, new JsonObject { ["text"] = "second", ["type"] = "text" });

        Assert.That(await TextOfAsync(chat), Does.Contain(SimulatedAnswer.Echo([new("user", "Ärger \"hier\"\nsecond")])));
    }

    [Test]
    public async Task Usage_counts_four_characters_a_token()
    {
        var chat = RunningSimulator.Chat(new string('u', 41), new string('s', 150));

        var (_, body) = await _simulator.CompleteAsync(chat);

        var text = (string)body["choices"]![0]!["message"]!["content"]!;
        var usage = body["usage"]!;
        using (Assert.EnterMultipleScope())
        {
            // 38 for the system message, 11 for the user's, four for each message's marks; two full blocks of 16 are cached.
            Assert.That((int)usage["prompt_tokens"]!, Is.EqualTo(38 + 11 + 8));
            Assert.That((int)usage["completion_tokens"]!, Is.EqualTo(SimulatedAnswer.TokensOf(text)).And.InRange(30, 150));
            Assert.That((int)usage["total_tokens"]!, Is.EqualTo((int)usage["prompt_tokens"]! + (int)usage["completion_tokens"]!));
            Assert.That((int)usage["prompt_tokens_details"]!["cached_tokens"]!, Is.EqualTo(32));
        }
    }

    [TestCase("max_tokens")]
    [TestCase("max_completion_tokens")]
    public async Task A_token_limit_cuts_the_answer(string field)
    {
        var chat = RunningSimulator.Chat("cut");
        var full = await TextOfAsync(chat);
        chat[field] = 12;

        var (_, body) = await _simulator.CompleteAsync(chat);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)body["choices"]![0]!["message"]!["content"]!, Is.EqualTo(full[..48]));
            Assert.That((string)body["choices"]![0]!["finish_reason"]!, Is.EqualTo("length"));
            Assert.That((int)body["usage"]!["completion_tokens"]!, Is.EqualTo(12));
        }
    }

    [Test]
    public async Task A_limit_that_the_answer_just_reaches_does_not_cut_it()
    {
        var chat = RunningSimulator.Chat("just");
        var full = await TextOfAsync(chat);
        chat["max_tokens"] = SimulatedAnswer.TokensOf(full);

        var (_, body) = await _simulator.CompleteAsync(chat);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)body["choices"]![0]!["message"]!["content"]!, Is.EqualTo(full));
            Assert.That((string)body["choices"]![0]!["finish_reason"]!, Is.EqualTo("stop"));
        }
    }

    [Test]
    public async Task The_stop_string_that_comes_first_ends_the_answer_and_is_named()
    {
        var chat = RunningSimulator.Chat("stop here");
        var full = await TextOfAsync(chat);
        chat["stop"] = new JsonArray("never in it", "here", "stop", "\n\n");

        var (_, body) = await _simulator.CompleteAsync(chat);

        var at = full.IndexOf("stop", StringComparison.Ordinal);
        var choice = body["choices"]![0]!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)choice["message"]!["content"]!, Is.EqualTo(full[..at]));
            Assert.That((string)choice["finish_reason"]!, Is.EqualTo("stop"));
            Assert.That((string)choice["stop_reason"]!, Is.EqualTo("stop"));
            Assert.That((int)body["usage"]!["completion_tokens"]!, Is.EqualTo(SimulatedAnswer.TokensOf(full[..(at + 4)])));
        }
    }

    [Test]
    public async Task A_stop_string_beyond_the_token_limit_is_not_reached()
    {
        var chat = RunningSimulator.Chat("stop here");
        chat["stop"] = "stop";
        chat["max_tokens"] = 5;

        var (_, body) = await _simulator.CompleteAsync(chat);

        Assert.That((string)body["choices"]![0]!["finish_reason"]!, Is.EqualTo("length"));
    }

    [Test]
    public async Task The_task_in_the_system_message_decides_what_kind_of_text_comes()
    {
        var subject = await TextOfAsync(RunningSimulator.Chat("An email to polish", "You write subject lines."));
        var polish = await TextOfAsync(RunningSimulator.Chat("Subject line and email: ...", "You polish drafts of emails."));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(subject, Does.Contain("\n1. ").And.Contain("\n2. ").And.Contain("\n3. "));
            Assert.That(polish, Does.Contain("(Edited: "));
        }
    }

    [TestCase("""{"messages":[""", 400, "BadRequestError", "JSON decode error")]
    [TestCase("[]", 400, "BadRequestError", "valid dictionary")]
    [TestCase("{}", 400, "BadRequestError", "Field required")]
    [TestCase("""{"messages":[]}""", 400, "BadRequestError", "at least 1 item")]
    [TestCase("""{"messages":"hi"}""", 400, "BadRequestError", "valid list")]
    [TestCase("""{"messages":[{"content":"hi"}]}""", 400, "BadRequestError", "role")]
    [TestCase("""{"messages":[{"role":"user","content":5}]}""", 400, "BadRequestError", "valid string")]
    [TestCase("""{"messages":[{"role":"user","content":"\ud800"}]}""", 400, "BadRequestError", "JSON decode error")]
    [TestCase("""{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}""", 400, "BadRequestError", "input_audio")]
    [TestCase("""{"tools":[],"messages":[{"role":"user","content":"hi"}]}""", 400, "BadRequestError", "at least one tool")]
    [TestCase("""{"tool_choice":"required","messages":[{"role":"user","content":"hi"}]}""", 400, "BadRequestError", "`tools` must be set")]
    [TestCase(
        """{"tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":{"type":"function","function":{"name":"b"}},"messages":[{"role":"user","content":"hi"}]}""",
        400,
        "BadRequestError",
        "does not match any of the specified `tools`: b")]
    [TestCase("""{"max_tokens":0,"messages":[{"role":"user","content":"hi"}]}""", 400, "BadRequestError", "max_tokens must be at least 1, got 0.")]
    [TestCase("""{"max_tokens":"9","messages":[{"role":"user","content":"hi"}]}""", 400, "BadRequestError", "valid integer")]
    [TestCase("""{"max_tokens":32768,"messages":[{"role":"user","content":"hi"}]}""", 400, "BadRequestError", "maximum context length is 32768 tokens")]
    [TestCase("""{"temperature":-1,"messages":[{"role":"user","content":"hi"}]}""", 400, "BadRequestError", "temperature must be non-negative, got -1.")]
    [TestCase("""{"top_p":1.5,"messages":[{"role":"user","content":"hi"}]}""", 400, "BadRequestError", "top_p must be in (0, 1], got 1.5.")]
    [TestCase("""{"stop":["1","2","3","4","5"],"messages":[{"role":"user","content":"hi"}]}""", 400, "BadRequestError", "at most 4 strings, got 5")]
    [TestCase("""{"stream":true,"messages":[{"role":"user","content":"hi"}]}""", 400, "BadRequestError", "does not stream")]
    [TestCase("""{"model":"gpt","messages":[{"role":"user","content":"hi"}]}""", 404, "NotFoundError", "The model `gpt` does not exist.")]
    public async Task What_vLLM_refuses_is_refused_in_its_shape(string json, int status, string type, string message)
    {
        var (code, body) = await _simulator.PostAsync("/v1/chat/completions", json);

        var error = body["error"]!.AsObject();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((int)code, Is.EqualTo(status));
            Assert.That((string)error["message"]!, Does.Contain(message));
            Assert.That((string)error["type"]!, Is.EqualTo(type));
            Assert.That((int)error["code"]!, Is.EqualTo(status));
            Assert.That(error.ContainsKey("param"), Is.True);
        }
    }

    [Test]
    public async Task Unknown_fields_and_nulls_are_ignored_and_the_model_may_be_left_out()
    {
        const string json = """
            {"metadata":{"messages":[1]},"max_tokens":null,"stop":null,"temperature":null,"stream":false,
             "messages":[{"name":"x","role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[]}],"seed":[{}]}
            """;

        var (status, body) = await _simulator.PostAsync("/v1/chat/completions", json);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.EqualTo(HttpStatusCode.OK));
            Assert.That((string)body["model"]!, Is.EqualTo("mistral-7b"));
        }
    }

    [Test]
    public async Task Unusual_text_survives_the_way_there_and_back()
    {
        var text = "\"quoted\" \\ </script> 😀 Łódź \u2028 and " + new string('x', 70_000);

        Assert.That(await TextOfAsync(RunningSimulator.Chat(text)), Does.Contain(SimulatedAnswer.Echo([new("user", text)])));
    }

    [TestCase("/v1/models")]
    [TestCase("/v2/ep/openai/v1/models")]
    public async Task Models_are_listed(string path)
    {
        var body = await _simulator.GetAsync(path);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)body["object"]!, Is.EqualTo("list"));
            Assert.That(body["data"]!.AsArray().Select(model => (string)model!["id"]!), Is.EqualTo(new[] { "mistral-7b", "llama-70b" }));
            Assert.That((int)body["data"]![0]!["max_model_len"]!, Is.EqualTo(32_768));
        }
    }

    [Test]
    public async Task An_unknown_route_is_a_404_in_the_same_shape()
    {
        var (status, body) = await _simulator.PostAsync("/v1/embeddings", "{}");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.EqualTo(HttpStatusCode.NotFound));
            Assert.That((int)body["error"]!["code"]!, Is.EqualTo(404));
        }
    }

    private async Task<string> TextOfAsync(JsonNode chat)
    {
        var (_, body) = await _simulator.CompleteAsync(chat);
        return (string)body["choices"]![0]!["message"]!["content"]!;
    }
}
