using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace BatchBus.Api.Documentation;

/// <summary><c>/openapi.json</c> and <c>/docs</c>, a page that shows it and loads nothing from elsewhere. Both are open to anybody.</summary>
internal static class DocumentationEndpoints
{
    public static void MapDocumentation(this IEndpointRouteBuilder routes)
    {
        Map("/openapi.json", "openapi.json", "application/json");
        Map("/docs", "docs.html", "text/html; charset=utf-8");

        void Map(string path, string file, string contentType)
        {
            var content = Read(file);
            routes.MapGet(path, async (HttpContext context) =>
            {
                context.Response.ContentType = contentType;
                context.Response.ContentLength = content.Length;
                context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
                await context.Response.BodyWriter.WriteAsync(content, context.RequestAborted);
            });
        }
    }

    private static byte[] Read(string file)
    {
        using var resource = typeof(DocumentationEndpoints).Assembly.GetManifestResourceStream($"BatchBus.Api.Documentation.{file}")!;
        var content = new byte[resource.Length];
        resource.ReadExactly(content);
        return content;
    }
}
