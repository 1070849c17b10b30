using System.Net;
using System.Text;

namespace BatchBus.Api.Tests.Dashboard;

/// <summary>In one mode: the page is made of files that know no servers. What it does is tested in a browser.</summary>
public sealed class DashboardTests
{
    private const int MostBytes = 40_000;

    private static readonly string[] Files = ["/", "/dashboard.css", "/dashboard.js"];

    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(Mode.Embedded);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task The_page_is_small_and_open_to_anybody_and_holds_nothing_from_elsewhere()
    {
        var (onTheWire, files) = (0, new List<string>());
        foreach (var path in Files)
        {
            using var plain = await _server.SendAsync(HttpMethod.Get, path, null, ("x-api-key", "wrong"));
            using var compressed = await _server.SendAsync(HttpMethod.Get, path, null, ("accept-encoding", "gzip"));
            Assert.That((plain.StatusCode, compressed.StatusCode, compressed.Content.Headers.ContentEncoding.SingleOrDefault()), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK, "gzip")), path);
            onTheWire += (await compressed.Content.ReadAsByteArrayAsync()).Length;
            files.Add(Encoding.UTF8.GetString(await plain.Content.ReadAsByteArrayAsync()));
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(onTheWire, Is.LessThan(MostBytes));
            Assert.That(string.Concat(files).Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal), Does.Not.Contain("http:").And.Not.Contain("https:"));
            Assert.That(string.Concat(files), Does.Not.Contain("innerHTML").And.Not.Contain("insertAdjacentHTML").And.Not.Contain("style="));
        }
    }

    [Test]
    public async Task A_browser_lets_the_page_run_its_own_script_and_call_its_own_server_only()
    {
        using var response = await _server.Http.GetAsync(new Uri("/", UriKind.Relative));

        Assert.That(response.Headers.GetValues("content-security-policy").Single(), Is.EqualTo(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
    }
}
