using Microsoft.AspNetCore.Routing;

namespace BatchBus.Api.Documentation;

/// <summary><c>/openapi.json</c> and <c>/docs</c>, a page that shows it and loads nothing from elsewhere. Both are open to anybody.</summary>
internal static class DocumentationEndpoints
{
    private const string Policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";

    public static void MapDocumentation(this IEndpointRouteBuilder routes)
    {
        routes.MapFile("/openapi.json", "Documentation.openapi.json", "application/json", Policy);
        routes.MapFile("/docs", "Documentation.docs.html", "text/html; charset=utf-8", Policy);
    }
}
