using System.Net;
using System.Text.Json.Nodes;

namespace BatchBus.Simulator.Tests;

public sealed class ToolsAndImagesTests
{
    private const string Tools = """
        [{"type":"function","function":{"name":"note"}},
         {"type":"function","function":{"name":"weather","parameters":{"type":"object","required":["city","days","exact","unit","where"],"properties":{
           "city":{"type":"string"},"days":{"type":"integer"},"exact":{"type":"boolean"},"unit":{"enum":["C","F"]},"more":{"type":"string"},
           "where":{"type":"object","required":["lat"],"properties":{"lat":{"type":"number"}}}}}}}]
        """;

    private RunningSimulator _simulator = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _simulator = await RunningSimulator.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _simulator.DisposeAsync();

    [Test]
    public async Task A_named_tool_is_called_with_what_its_schema_requires()
    {
        var choice = await ChoiceAsync("""{"type":"function","function":{"name":"weather"}}""");

        var call = choice["message"]!["tool_calls"]!.AsArray().Single()!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)choice["finish_reason"]!, Is.EqualTo("stop"));
            Assert.That(choice["message"]!["content"], Is.Null);
            Assert.That((string)call["type"]!, Is.EqualTo("function"));
            Assert.That((string)call["id"]!, Does.Match("^[a-zA-Z0-9_-]+$"));
            Assert.That((string)call["function"]!["name"]!, Is.EqualTo("weather"));
            Assert.That(
                (string)call["function"]!["arguments"]!,
                Is.EqualTo("""{"city":"simulated","days":1,"exact":true,"unit":"C","where":{"lat":1}}"""));
        }
    }

    [Test]
    public async Task A_required_tool_call_takes_the_first_tool()
    {
        var choice = await ChoiceAsync("\"required\"");

        var function = choice["message"]!["tool_calls"]![0]!["function"]!;
        Assert.That((string)choice["finish_reason"]!, Is.EqualTo("tool_calls"));
        Assert.That(((string)function["name"]!, (string)function["arguments"]!), Is.EqualTo(("note", "{}")));
    }

    [Test]
    public async Task A_tool_call_beyond_the_token_limit_is_cut()
    {
        var choice = await ChoiceAsync("""{"type":"function","function":{"name":"weather"}}""", maxTokens: 4);

        Assert.That((string)choice["finish_reason"]!, Is.EqualTo("length"));
        Assert.That((string)choice["message"]!["tool_calls"]![0]!["function"]!["arguments"]!, Is.EqualTo("""{"city":"simulat"""));
    }

    [Test]
    public async Task Tools_that_are_not_forced_are_answered_with_text([Values("\"auto\"", "\"none\"", "null")] string choice) =>
        Assert.That((string)(await ChoiceAsync(choice))["message"]!["content"]!, Does.StartWith("[simulated mistral-7b]"));

    [Test]
    public async Task A_job_may_call_a_tool_too()
    {
        var chat = RunningSimulator.Chat("job");
        chat["tools"] = JsonNode.Parse(Tools);
        chat["tool_choice"] = "required";

        var job = await _simulator.AwaitJobAsync(await _simulator.SubmitAsync(RunningSimulator.Job(chat)), "COMPLETED", "FAILED");

        Assert.That((string)job["output"]![0]!["choices"]![0]!["message"]!["tool_calls"]![0]!["function"]!["name"]!, Is.EqualTo("note"));
    }

    [Test]
    public async Task Images_count_as_tokens()
    {
        var chat = RunningSimulator.Chat("");
        var image = new JsonObject { ["type"] = "image_url", ["image_url"] = new JsonObject { ["url"] = "data:image/png;base64,iVBORw0KGgo=" } };
        chat["messages"]![0]!["content"] = new JsonArray(image, new JsonObject { ["type"] = "text", ["text"] = "what?" }, image.DeepClone());

        var (status, body) = await _simulator.CompleteAsync(chat);

        Assert.That(status, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((int)body["usage"]!["prompt_tokens"]!, Is.EqualTo((2 * 576) + 2 + 4));
    }

    private async Task<JsonNode> ChoiceAsync(string toolChoice, int? maxTokens = null)
    {
        var chat = RunningSimulator.Chat("How is the weather?");
        chat["tools"] = JsonNode.Parse(Tools);
        chat["tool_choice"] = JsonNode.Parse(toolChoice);
        chat["max_tokens"] = maxTokens;
        var (status, body) = await _simulator.CompleteAsync(chat);
        Assert.That(status, Is.EqualTo(HttpStatusCode.OK), body.ToJsonString());
        return body["choices"]![0]!;
    }
}
