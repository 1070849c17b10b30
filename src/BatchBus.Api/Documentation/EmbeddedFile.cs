using System.IO.Compression;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace BatchBus.Api.Documentation;

/// <summary>Files that are part of this assembly, open to anybody: they hold no data.</summary>
internal static class EmbeddedFile
{
    /// <summary>Serves a file.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="path">Its path.</param>
    /// <param name="file">Its folder and name within this assembly, with a dot between.</param>
    /// <param name="contentType">What it is.</param>
    /// <param name="policy">What a page may load and do; the browser refuses the rest.</param>
    public static void MapFile(this IEndpointRouteBuilder routes, string path, string file, string contentType, string policy)
    {
        var content = Read(file);
        var compressed = Compress(content);
        routes.MapGet(path, async (HttpContext context) =>
        {
            var (headers, isCompressed) = (context.Response.Headers, context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase));
            var body = isCompressed ? compressed : content;
            context.Response.ContentType = contentType;
            context.Response.ContentLength = body.Length;
            headers.ContentEncoding = isCompressed ? "gzip" : default;
            headers.Vary = "Accept-Encoding";
            headers.CacheControl = "no-cache";
            headers.ContentSecurityPolicy = policy;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            await context.Response.BodyWriter.WriteAsync(body, context.RequestAborted);
        });
    }

    private static byte[] Read(string file)
    {
        using var resource = typeof(EmbeddedFile).Assembly.GetManifestResourceStream($"BatchBus.Api.{file}")!;
        var content = new byte[resource.Length];
        resource.ReadExactly(content);
        return content;
    }

    private static byte[] Compress(byte[] content)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.SmallestSize))
        {
            gzip.Write(content);
        }

        return compressed.ToArray();
    }
}
