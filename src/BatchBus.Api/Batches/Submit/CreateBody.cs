using System.IO.Compression;
using BatchBus.Api.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace BatchBus.Api.Batches.Submit;

/// <summary>The body of a create as it comes off the wire, decoded.</summary>
internal static class CreateBody
{
    private const string Supported = "gzip, deflate and br";

    /// <summary>Opens the body. It is counted by the reader while it is read, so that the refusal of one that is too long can be explained.</summary>
    /// <exception cref="ApiException">It announces that it is too long, or an encoding that is not supported.</exception>
    public static BatchBodyReader Open(HttpContext context, ApiOptions options)
    {
        var request = context.Request;
        if (request.ContentLength > options.MaxBatchBytes)
        {
            throw ApiException.BatchTooLarge(options.MaxBatchBytes, decoded: false);
        }

        var encoding = request.Headers.ContentEncoding.ToString().Trim();
        Stream? decoded = encoding.ToLowerInvariant() switch
        {
            "" or "identity" => null,
            "gzip" or "x-gzip" => new GZipStream(request.Body, CompressionMode.Decompress),
            "deflate" => new ZLibStream(request.Body, CompressionMode.Decompress),
            "br" => new BrotliStream(request.Body, CompressionMode.Decompress),
            _ => throw ApiException.InvalidRequest(
                $"Content-Encoding: not supported. Send the body as it is, or in one of {Supported}.", "request_body_encoding_unsupported"),
        };
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            // An encoded body may come to nothing however long it is, so that the reader's count alone would never end it.
            limit.MaxRequestBodySize = decoded is null ? null : options.MaxBatchBytes;
        }

        return new BatchBodyReader(decoded ?? request.Body, decoded is not null, options);
    }
}
