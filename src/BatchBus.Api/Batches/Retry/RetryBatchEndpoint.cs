using System.Runtime.CompilerServices;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Batches.Submit;
using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using BatchBus.Contracts;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Routing;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Storage.Submissions;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Batches.Retry;

/// <summary>
/// <c>POST /v1/messages/batches/{id}/retry</c>, our extension: a new batch of the requests of an ended one that did not succeed. Made from
/// what is stored, so nothing is uploaded again; made once, however often it is asked for.
/// </summary>
internal sealed class RetryBatchEndpoint(
    BatchStore batches,
    ResultStore results,
    SubmissionStore submissions,
    CreateTies ties,
    WaitingRequests waiting,
    BatchIntake intake,
    BatchResponse response,
    ModelCatalog catalog,
    ModelRouter router)
{
    /// <summary>Longer than requests are kept, after which there is nothing to be retried any more.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromDays(400);

    public async Task HandleAsync(HttpContext context, string id)
    {
        var failed = await response.FindAsync(context, id);
        if (failed.ClosedAt is null)
        {
            throw ApiException.InvalidRequest($"{id} has not ended yet, so it is not known what will have failed. Wait until processing_status is \"ended\".");
        }

        if (failed.ArchivedAt is not null)
        {
            throw Removed(failed);
        }

        if (failed.Succeeded == failed.Total)
        {
            throw ApiException.InvalidRequest($"Every request of {id} succeeded: there is nothing to retry.");
        }

        try
        {
            await response.WriteAsync(context, await RetryAsync(context.Caller(), failed, context.RequestAborted));
        }
        catch (UnknownFateException)
        {
            // A repeat finds the batch if it stands; any answer could turn out wrong.
            context.Abort();
        }
    }

    private static ApiException Removed(BatchRecord batch) => ApiException.NotFound(
        $"The requests of {BatchId.Format(batch.BatchId)} were kept for their time and have been removed. Submit them anew.");

    private async Task<BatchRecord> RetryAsync(Caller caller, BatchRecord failed, CancellationToken cancellationToken)
    {
        var name = $"retry:{BatchId.Format(failed.BatchId)}";
        var upload = await batches.BeginUploadAsync();
        EarlierCreate? earlier;
        try
        {
            earlier = await ties.TieAsync(caller.Workspace, name, upload.BatchId, Memory, oldest: null, cancellationToken);
        }
        catch
        {
            await intake.AbandonAsync(upload);
            throw;
        }

        if (earlier is not null)
        {
            await intake.AbandonAsync(upload);
            return earlier.Record;
        }

        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var alive = ties.KeepAliveAsync(caller.Workspace, name, upload.BatchId, done.Token);
        try
        {
            return await intake.TakeInAsync(upload, caller.Workspace, RequestsAsync(failed, cancellationToken), () => EnvelopeOf(failed), CountAsync, cancellationToken);
        }
        catch (Exception error) when (error is not UnknownFateException)
        {
            await submissions.ReleaseAsync(caller.Workspace, name, upload.BatchId);
            await waiting.RemoveAsync(caller, upload.BatchId);
            throw;
        }
        finally
        {
            await done.CancelAsync();
            await alive;
        }

        async Task<BatchRecord?> CountAsync()
        {
            if (upload.Count < failed.Total - failed.Succeeded)
            {
                throw Removed(failed);
            }

            await waiting.AddAsync(caller, upload.BatchId, upload.Count);
            return null;
        }
    }

    /// <summary>The new batch has as much time as the first, and tells the same receiver. Its requests are routed already, so the stage is only its name.</summary>
    private BatchEnvelope EnvelopeOf(BatchRecord failed) => new(
        HasRequests: true,
        failed.Total - failed.Succeeded,
        failed.Stage is { } stage && catalog.HasStage(stage) ? stage : null,
        Math.Clamp((long)(failed.ExpiresAt - failed.CreatedAt).TotalSeconds, 1, BatchEnvelopeValidator.LongestWindow),
        failed.Webhook?.Url);

    private async IAsyncEnumerable<RoutedRequest> RequestsAsync(BatchRecord failed, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var index = 0;
        await foreach (var (lane, request) in results.NotSucceededAsync(failed, cancellationToken))
        {
            var rule = lane.StageRouted ? RouteRule.BatchStage : (RouteRule)request.Rule;
            var (model, failure) = Route(lane.Model, rule, request);
            yield return new RoutedRequest(model, YieldsToBatchStage: false, request with { Index = index++, Rule = (byte)rule, Failure = failure });
        }
    }

    /// <summary>
    /// The same model as before. A request that had none is routed anew, as the models may have been added since, by what its params say;
    /// what stood beside them is not kept, and fails in the same words.
    /// </summary>
    private (string? Model, string Failure) Route(string? model, RouteRule rule, in StoredRequest request)
    {
        if (model is not null)
        {
            return catalog.TryGetModel(model, out _)
                ? (model, "")
                : (null, $"the model \"{model}\", which it was routed to, is not configured any more; known models: {string.Join(", ", catalog.Models.Select(known => known.Name))}");
        }

        var named = SubmittedRequestReader.ReadRouting(request.Parameters.Span);
        var deciding = rule switch
        {
            RouteRule.ModelHint => named.ModelHint,
            RouteRule.RequestStage => named.Stage,
            _ => named.Model,
        };
        var route = deciding is null ? null : router.Route(named.ModelHint, named.Stage, named.Model);
        return route is null ? (null, request.Failure) : (route.Model, route.Failure?.Message ?? "");
    }
}
