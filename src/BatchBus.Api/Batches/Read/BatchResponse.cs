using System.Text.Json;
using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Webhooks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Extensions.Options;

namespace BatchBus.Api.Batches.Read;

/// <summary>The batch object as the answer to a call.</summary>
internal sealed class BatchResponse(BatchStore batches, IOptions<ApiOptions> options)
{
    /// <summary>Finds the batch of a path; one of another workspace is as good as none.</summary>
    public async Task<BatchRecord> FindAsync(HttpContext context, string id)
    {
        var record = BatchId.TryParse(id, out var batchId) ? await batches.FindAsync(batchId) : null;
        return record is not null && record.Workspace == context.Workspace()
            ? record
            : throw ApiException.NotFound($"There is no message batch with the id \"{(id.Length <= 64 ? id : id[..64] + "…")}\" in this workspace. Check the id and the API key.");
    }

    public async Task WriteAsync(HttpContext context, BatchRecord record)
    {
        context.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        Write(json, context, record);
    }

    /// <summary>Writes the batch object.</summary>
    public void Write(Utf8JsonWriter json, HttpContext context, BatchRecord record) => BatchObject.Write(json, record, BaseUrl(context.Request));

    private string BaseUrl(HttpRequest request)
        => (options.Value.PublicBaseUrl?.AbsoluteUri ?? UriHelper.BuildAbsolute(request.Scheme, request.Host, request.PathBase)).TrimEnd('/');
}
