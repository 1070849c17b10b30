using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Errors;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Results;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace BatchBus.Api.Batches.Results;

/// <summary>
/// <c>GET /v1/messages/batches/{id}/results</c>: one line of JSON per request, streamed from the store as fast as the client reads. An
/// interrupted download can be continued by <c>Range</c>; <c>?partial=true</c> gives what is there while the batch still runs.
/// </summary>
internal sealed class ResultsEndpoint(BatchResponse batches, ResultStore results)
{
    /// <summary>Bytes after which the client's pace is waited for.</summary>
    private const int FlushBytes = 64 << 10;

    /// <summary>Lengths that are remembered; finding one out anew means to read all results of a batch.</summary>
    private const int MaxLengths = 10_000;

    private readonly ConcurrentDictionary<Guid, long> _lengths = new();

    public async Task HandleAsync(HttpContext context, string id)
    {
        var partial = IsPartial(context.Request);
        var record = await batches.FindAsync(context, id);
        if (record.ClosedAt is null && !partial)
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
        if (record.ClosedAt is { } closedAt)
        {
            await DownloadAsync(context, record, TagOf(record, closedAt));
        }
        else
        {
            await CopyAsync(context, record, 0, long.MaxValue);
        }
    }

    /// <summary>What a batch's results are never changes once it is closed, down to the byte.</summary>
    private static EntityTagHeaderValue TagOf(BatchRecord record, DateTimeOffset closedAt)
        => new(string.Create(CultureInfo.InvariantCulture, $"\"{BatchId.Format(record.BatchId)}-{closedAt.UtcTicks:x}\""));

    private static bool IsPartial(HttpRequest request) => request.Query["partial"].ToString() switch
    {
        "" or "false" => false,
        "true" => true,
        _ => throw ApiException.InvalidRequest("partial: Input should be true or false"),
    };

    /// <summary>The range that is asked for, where it is one of bytes and of these results; anything else gets the whole, as the protocol has it.</summary>
    private static RangeItemHeaderValue? RangeOf(HttpRequest request, EntityTagHeaderValue tag)
    {
        var headers = request.GetTypedHeaders();
        if (headers.Range is not { Ranges.Count: 1 } range || range.Unit != "bytes")
        {
            return null;
        }

        return headers.IfRange is not { } condition || condition.EntityTag?.Compare(tag, useStrongComparison: true) is true ? range.Ranges.Single() : null;
    }

    private async Task DownloadAsync(HttpContext context, BatchRecord record, EntityTagHeaderValue tag)
    {
        var response = context.Response;
        response.Headers.AcceptRanges = "bytes";
        response.Headers.ETag = tag.ToString();
        if (HttpMethods.IsHead(context.Request.Method))
        {
            response.ContentLength = await LengthAsync(context, record);
            return;
        }

        if (RangeOf(context.Request, tag) is not { } range)
        {
            if (_lengths.TryGetValue(record.BatchId, out var known))
            {
                response.ContentLength = known;
            }

            Remember(record, await CopyAsync(context, record, 0, long.MaxValue));
            return;
        }

        var length = await LengthAsync(context, record);
        var from = range.From ?? Math.Max(0, length - range.To!.Value);
        var to = range.From is null ? length - 1 : Math.Min(range.To ?? long.MaxValue, length - 1);
        if (from > to)
        {
            response.Headers.ContentRange = new ContentRangeHeaderValue(length).ToString();
            throw new ApiException(StatusCodes.Status416RangeNotSatisfiable, "invalid_request_error", $"Range: the results end after {length} bytes.");
        }

        response.StatusCode = StatusCodes.Status206PartialContent;
        response.Headers.ContentRange = new ContentRangeHeaderValue(from, to, length).ToString();
        response.ContentLength = to - from + 1;
        await CopyAsync(context, record, from, to + 1);
    }

    private async ValueTask<long> LengthAsync(HttpContext context, BatchRecord record)
    {
        if (_lengths.TryGetValue(record.BatchId, out var length))
        {
            return length;
        }

        await foreach (var line in results.LinesAsync(record, context.RequestAborted))
        {
            length += line.Length;
        }

        Remember(record, length);
        return length;
    }

    private void Remember(BatchRecord record, long length)
    {
        if (_lengths.Count >= MaxLengths)
        {
            _lengths.Clear();
        }

        _lengths[record.BatchId] = length;
    }

    /// <summary>Sends the bytes from one position up to another and returns the position that was reached.</summary>
    private async Task<long> CopyAsync(HttpContext context, BatchRecord record, long from, long end)
    {
        var writer = context.Response.BodyWriter;
        var (position, unflushed) = (0L, 0);
        await foreach (var line in results.LinesAsync(record, context.RequestAborted))
        {
            var first = (int)Math.Clamp(from - position, 0, line.Length);
            var part = line[first..(int)Math.Clamp(end - position, first, line.Length)];
            position += line.Length;
            while (!part.IsEmpty)
            {
                var piece = part[..Math.Min(part.Length, FlushBytes - unflushed)];
                part = part[piece.Length..];
                writer.Write(piece.Span);
                unflushed += piece.Length;
                if (unflushed == FlushBytes)
                {
                    await writer.FlushAsync(context.RequestAborted);
                    unflushed = 0;
                }
            }

            if (position >= end)
            {
                break;
            }
        }

        // The server sends by itself what is left only where nothing was sent before, or the length was not told.
        await writer.FlushAsync(context.RequestAborted);
        return position;
    }
}
