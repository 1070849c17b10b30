using System.Runtime.CompilerServices;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using BatchBus.Storage.Batches;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace BatchBus.Api.Batches.Submit;

/// <summary><c>POST /v1/messages/batches</c>.</summary>
internal sealed class SubmitBatchEndpoint(BatchStore batches, BatchIntake intake, BatchResponse response, IOptions<ApiOptions> options)
{
    public async Task HandleAsync(HttpContext context)
    {
        // The body is counted while it is read, so that the refusal can be explained.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }

        if (context.Request.ContentLength > options.Value.MaxBatchBytes)
        {
            throw ApiException.TooLarge($"The body is larger than {options.Value.MaxBatchBytes} bytes, the most for one batch. Split it into several.");
        }

        using var body = new BatchBodyReader(context.Request.Body, options.Value);
        try
        {
            var record = await intake.TakeInAsync(
                await batches.BeginUploadAsync(), context.Workspace(), EntriesAsync(body, context.RequestAborted), () => body.Envelope, context.RequestAborted);
            await response.WriteAsync(context, record);
        }
        catch (UnknownFateException)
        {
            // A repeat of an unanswered create finds the batch if it stands; any answer could turn out wrong.
            context.Abort();
        }
    }

    private static async IAsyncEnumerable<ReadOnlyMemory<byte>> EntriesAsync(
        BatchBodyReader body, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await body.NextAsync(cancellationToken) is { } entry)
        {
            yield return entry;
        }
    }
}
