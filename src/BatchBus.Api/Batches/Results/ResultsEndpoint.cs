using BatchBus.Api.Batches.Read;
using BatchBus.Api.Errors;
using BatchBus.Contracts;
using BatchBus.Storage.Results;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Batches.Results;

/// <summary><c>GET /v1/messages/batches/{id}/results</c>: one line of JSON per request, streamed from the store as fast as the client reads.</summary>
internal sealed class ResultsEndpoint(BatchResponse batches, ResultStore results)
{
    /// <summary>Bytes after which the client's pace is waited for.</summary>
    private const int FlushBytes = 64 << 10;

    public async Task HandleAsync(HttpContext context, string id)
    {
        var record = await batches.FindAsync(context, id);
        if (record.ClosedAt is null)
        {
            throw ApiException.NotFound(
                $"The results of {id} are not there yet: the batch is {(record.CancelInitiatedAt is null ? "in_progress" : "canceling")}. Poll it until processing_status is \"ended\".");
        }

        if (record.ArchivedAt is not null)
        {
            throw ApiException.NotFound($"The results of {id} were kept for their time and have been removed. The batch itself can still be read.");
        }

        var response = context.Response;
        response.ContentType = "application/x-jsonl";
        response.Headers.ContentDisposition = $"attachment; filename*=utf-8''{BatchId.Format(record.BatchId)}_results.jsonl";
        var unflushed = 0;
        await foreach (var line in results.LinesAsync(record, context.RequestAborted))
        {
            line.Span.CopyTo(response.BodyWriter.GetSpan(line.Length));
            response.BodyWriter.Advance(line.Length);
            unflushed += line.Length;
            if (unflushed >= FlushBytes)
            {
                await response.BodyWriter.FlushAsync(context.RequestAborted);
                unflushed = 0;
            }
        }
    }
}
