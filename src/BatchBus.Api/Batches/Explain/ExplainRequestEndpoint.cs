using System.Text.Json;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Errors;
using BatchBus.Contracts;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Routing;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Endpoints;
using BatchBus.Storage.Fleet;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Batches.Explain;

/// <summary>
/// <c>GET /v1/messages/batches/{id}/requests/{custom_id}</c>, our extension: where one request is and why it waits or failed. Names are in
/// no index, so this reads through the batch (<see cref="RequestStore.FindAsync"/>): a question of people, not of programs that poll.
/// </summary>
internal sealed class ExplainRequestEndpoint(
    BatchResponse batches, RequestStore requests, ResultStore results, PageStore pages, FleetStore fleets, EndpointStore endpoints, ModelCatalog catalog, TimeProvider time)
{
    private const int LongestShown = 64;

    public async Task HandleAsync(HttpContext context, string id, string customId)
    {
        var batch = await batches.FindAsync(context, id);
        if (batch.ArchivedAt is not null)
        {
            throw ApiException.NotFound($"The requests of {id} were kept for their time and have been removed. The batch itself can still be read.");
        }

        var located = await requests.FindAsync(batch, customId, context.RequestAborted) ?? throw ApiException.NotFound(
            $"{id} has no request with the custom_id \"{(customId.Length <= LongestShown ? customId : customId[..LongestShown] + "…")}\". Names are compared exactly, case included.");
        var explanation = await ExplainAsync(batch, located);
        context.Response.ContentType = "application/json";
        await JsonSerializer.SerializeAsync(context.Response.Body, explanation, RequestExplanationJson.Default.RequestExplanation, context.RequestAborted);
    }

    private async Task<RequestExplanation> ExplainAsync(BatchRecord batch, LocatedRequest located)
    {
        var (lane, position, request) = (located.Lane, located.Position, located.Request);
        var rule = lane.StageRouted ? RouteRule.BatchStage : (RouteRule)request.Rule;
        var words = new ExplanationWords(batch, time.GetUtcNow());
        words.Route(rule, lane.Model, request.Failure);
        var (status, result, queue, served) = ("errored", (RequestResult?)null, (RequestQueue?)null, (IReadOnlyList<RequestEndpoint>)[]);
        if (lane.Model is null)
        {
            result = new RequestResult("not_found_error", request.Failure, 0, 0, 0);
        }
        else if (await results.ReadAsync(batch.BatchId, lane.Number, position, 1) is [var stored, ..])
        {
            (status, result) = Read(stored.Result);
            words.Result(result);
        }
        else if (batch.Reason is { } reason)
        {
            status = reason is BatchEndReason.Canceled ? "canceled" : "expired";
            words.NeverExecuted(reason);
        }
        else
        {
            served = await EndpointsAsync(lane.Model);
            (status, queue) = await QueueAsync(batch, lane, position, words);
            words.Endpoints(served);
        }

        return new RequestExplanation(
            BatchId.Format(batch.BatchId),
            request.CustomId,
            request.Index,
            status,
            words.Sentences,
            new RequestRouting(lane.Model, NameOf(rule), rule is RouteRule.BatchStage ? batch.Stage : null),
            result,
            queue,
            served);
    }

    private async Task<(string Status, RequestQueue Queue)> QueueAsync(BatchRecord batch, Lane lane, int position, ExplanationWords words)
    {
        var place = (await pages.ReadAsync(batch.BatchId)).PlaceOf(lane.Number, position);
        var before = position == 0 ? 0 : (await results.FinishedAsync(batch.BatchId, lane.Number, 0, position)).Count(finished => !finished);
        var fleet = await fleets.ReadAsync(lane.Model!);
        var sharing = fleet.Workspaces.Values.Sum(share => share.Batches);
        words.Place(place, lane.Model!, before, fleet, sharing);
        var status = place.State is RequestPlaceState.WithWorker ? "with_worker" : batch.CancelInitiatedAt is null ? "waiting" : "canceling";
        return (status, new RequestQueue(
            before,
            sharing,
            fleet.Workers,
            fleet.Slots,
            place.Worker,
            place.Attempt,
            place.Job?.Endpoint,
            place.Job?.Id,
            place.LastFailure?.Failures ?? 0,
            place.LastFailure?.Reason));
    }

    private async Task<IReadOnlyList<RequestEndpoint>> EndpointsAsync(string model)
    {
        var known = new List<RequestEndpoint>();
        foreach (var endpoint in catalog.TryGetModel(model, out var configured) ? configured.Endpoints : [])
        {
            var outage = await endpoints.OutageAsync(endpoint.Name);
            known.Add(new RequestEndpoint(endpoint.Name, outage is not null, outage?.IsStopped is true, outage?.Since, outage?.Reason));
        }

        return known;
    }

    /// <summary>What a stored result says, without the answer.</summary>
    private static (string Status, RequestResult Result) Read(in StoredResult stored)
    {
        string? type = null, message = null;
        if (stored.Outcome is RequestOutcome.Errored)
        {
            using var line = JsonDocument.Parse(stored.Line);
            var error = line.RootElement.GetProperty("result").GetProperty("error").GetProperty("error");
            (type, message) = (error.GetProperty("type").GetString(), error.GetProperty("message").GetString());
        }

        return (
            stored.Outcome is RequestOutcome.Succeeded ? "succeeded" : "errored",
            new RequestResult(type, message, stored.InputTokens + stored.CachedTokens, stored.OutputTokens, Math.Round(stored.GpuMicroseconds / 1e6, 3)));
    }

    private static string NameOf(RouteRule rule) => rule switch
    {
        RouteRule.ModelHint => "model_hint",
        RouteRule.RequestStage => "request_stage",
        RouteRule.BatchStage => "batch_stage",
        RouteRule.Model => "model",
        RouteRule.Alias => "alias",
        RouteRule.Default => "default",
        _ => throw new InvalidDataException($"A stored request names the routing rule {(int)rule}, which there is not."),
    };
}
