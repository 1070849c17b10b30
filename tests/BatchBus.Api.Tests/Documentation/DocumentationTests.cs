using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;

namespace BatchBus.Api.Tests.Documentation;

/// <summary>In one mode: the documents are files that know no servers.</summary>
public sealed partial class DocumentationTests
{
    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(Mode.Embedded);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Every_endpoint_is_documented()
    {
        var documented = (await DocumentAsync()).GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(verb => $"{verb.Name.ToUpperInvariant()} {path.Name}"));
        var mapped = _server.Part<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(endpoint => (endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []).Select(verb => $"{verb} {Path(endpoint)}"))
            .Where(entry => entry.Contains(" /v1/", StringComparison.Ordinal))
            .ToList();

        Assert.That(mapped, Is.Not.Empty.And.SubsetOf(documented));

        static string Path(RouteEndpoint endpoint) => $"/{endpoint.RoutePattern.RawText!.Trim('/')}";
    }

    [Test]
    public async Task Every_reference_leads_somewhere()
    {
        var document = await DocumentAsync();

        foreach (var reference in Reference().Matches(document.ToString()).Select(match => match.Groups[1].Value).Distinct())
        {
            var at = document;
            foreach (var name in reference.Split('/'))
            {
                Assert.That(at.TryGetProperty(name, out at), Is.True, reference);
            }
        }
    }

    [Test]
    public async Task A_batch_has_exactly_the_documented_fields()
    {
        var batch = await _server.CreateAsync("""{"requests":[{"custom_id":"a","params":{"model":"gpt-9"}}]}""");

        var schema = (await DocumentAsync()).GetProperty("components").GetProperty("schemas").GetProperty("MessageBatch");

        Assert.That(batch.EnumerateObject().Select(field => field.Name), Is.EqualTo(schema.GetProperty("properties").EnumerateObject().Select(field => field.Name)));
    }

    [Test]
    public async Task The_page_loads_nothing_from_elsewhere()
    {
        var response = await _server.Http.GetAsync(new Uri("/docs", UriKind.Relative));
        var page = await response.Content.ReadAsStringAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("text/html"));
            Assert.That(page, Does.Contain("openapi.json").And.Not.Contain("http:").And.Not.Contain("https:").And.Not.Contain("src="));
            Assert.That(response.Headers.GetValues("content-security-policy").Single(), Does.StartWith("default-src 'none'"));
        }
    }

    [GeneratedRegex("""
        "\$ref":\s*"#/([^"]+)"
        """)]
    private static partial Regex Reference();

    private async Task<JsonElement> DocumentAsync()
    {
        var response = await _server.Http.GetAsync(new Uri("/openapi.json", UriKind.Relative));
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/json"));
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }
}
