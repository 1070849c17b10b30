using BatchBus.TestServers;

namespace BatchBus.Api.Tests.Status;

/// <summary>Roles are split on real servers only.</summary>
public sealed class When_no_worker_is_there
{
    [Test]
    public async Task Should_say_so_as_soon_as_requests_wait()
    {
        await using var server = await ApiServer.StartAsync(Mode.Real, ("BatchBus:Roles", "api,orchestrator"));
        var before = await server.GetAsync("/v1/status");
        await server.CreateAsync("""{"requests":[{"custom_id":"a","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}]}""");

        var status = await Eventually.ReadAsync(() => server.GetAsync("/v1/status"), status => status.GetProperty("problems").GetArrayLength() > 0, "the problem is told");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(before.GetProperty("problems").GetArrayLength(), Is.Zero, "nothing waits yet");
            Assert.That(before.GetProperty("endpoints")[0].GetProperty("state").GetString(), Is.EqualTo("no_worker"));
            Assert.That(status.GetProperty("problems")[0].ToString(), Is.EqualTo(
                """{"part":"mistral-7b","severity":"problem","description":"Requests wait (1), and no worker is there to run them.","remedy":"Start a process with the role worker (BatchBus__Roles), or read in its log why it does not work."}"""));
        }
    }
}
