using System.Net;
using System.Net.Http.Headers;

namespace BatchBus.Simulator.Tests;

public sealed class AuthenticationTests
{
    private RunningSimulator _simulator = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _simulator = await RunningSimulator.StartAsync(new SimulatorOptions { ApiKey = "right" });

    [OneTimeTearDown]
    public async Task StopAsync() => await _simulator.DisposeAsync();

    [Test]
    public async Task Without_the_key_the_OpenAi_routes_answer_401_as_vLLM_does(
        [Values("/v1/models", "/v1/anything")] string path, [Values(null, "Bearer wrong", "right", "bearer right")] string? authorization)
    {
        using var response = await GetAsync(path, authorization);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("""{"error":"Unauthorized"}"""));
        }
    }

    [Test]
    public async Task Without_the_key_RunPods_gateway_answers_401_without_JSON(
        [Values("/v2/ep/health", "/v2/ep/status/x", "/v2/ep/openai/v1/models")] string path)
    {
        using var response = await GetAsync(path, "Bearer wrong");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("text/html"));
        }
    }

    [Test]
    public async Task With_the_key_and_on_the_control_routes_all_is_open(
        [Values("/v1/models", "/v2/ep/health", "/v2/ep/openai/v1/models", "/simulator/counts", "/simulator/log")] string path)
    {
        using var response = await GetAsync(path, path.StartsWith("/simulator", StringComparison.Ordinal) ? null : "Bearer right");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    private async Task<HttpResponseMessage> GetAsync(string path, string? authorization)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        return await _simulator.Http.SendAsync(request);
    }
}
