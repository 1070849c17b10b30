using System.Globalization;
using System.Text.Json;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Errors;
using BatchBus.Inference.Routing;
using BatchBus.Storage.Requests;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Batches.Requests;

/// <summary>
/// <c>GET /v1/messages/batches/{id}/requests</c>, our extension: a batch's requests with what has become of each, the model and the rule that
/// chose it. Neither prompts nor answers are in it. Requests that were routed alike come one after the other.
/// </summary>
internal sealed class ListRequestsEndpoint(BatchResponse batches, RequestLister lister)
{
    private const int DefaultLimit = 50;
    private const int MaxLimit = 200;

    private static readonly string States = string.Join(", ", Enum.GetValues<RequestState>().Select(Name));

    public async Task HandleAsync(HttpContext context, string id)
    {
        var query = context.Request.Query;
        var (state, after, limit) = (State(query), After(query), PageLimit.Read(query, DefaultLimit, MaxLimit));
        var record = await batches.FindAsync(context, id);
        if (record.ArchivedAt is not null)
        {
            throw ApiException.NotFound($"The requests of {id} were kept for their time and have been removed. The batch itself can still be read.");
        }

        var (requests, hasMore) = await lister.ReadAsync(record, state, after, limit, context.RequestAborted);
        context.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteStartArray("data");
        foreach (var request in requests)
        {
            Write(json, request);
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more", hasMore);
        json.WriteString("next", hasMore ? string.Create(CultureInfo.InvariantCulture, $"{requests[^1].Place.Lane}.{requests[^1].Place.Position}") : null);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ListedRequest request)
    {
        json.WriteStartObject();
        json.WriteString("custom_id", request.CustomId);
        json.WriteNumber("index", request.Index);
        json.WriteString("state", Name(request.State));
        json.WriteString("model", request.Model);
        json.WriteString("routed_by", JsonNamingPolicy.SnakeCaseLower.ConvertName((request.Rule is { } rule ? (RouteRule)rule : RouteRule.BatchStage).ToString()));
        if (request.Error is { } error)
        {
            json.WriteStartObject("error");
            json.WriteString("type", error.Type);
            json.WriteString("message", error.Message);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("error");
        }

        json.WriteEndObject();
    }

    private static string Name(RequestState state) => state.ToString().ToLowerInvariant();

    private static RequestState? State(IQueryCollection query)
    {
        var text = query["state"].ToString();
        if (text.Length == 0)
        {
            return null;
        }

        foreach (var state in Enum.GetValues<RequestState>())
        {
            if (Name(state) == text)
            {
                return state;
            }
        }

        throw ApiException.InvalidRequest($"state: Input should be one of {States}");
    }

    private static RequestPosition? After(IQueryCollection query)
    {
        var text = query["after"].ToString();
        if (text.Length == 0)
        {
            return null;
        }

        return text.Split('.') is [var lane, var position]
            && int.TryParse(lane, NumberStyles.None, CultureInfo.InvariantCulture, out var laneNumber)
            && int.TryParse(position, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < int.MaxValue
            ? new RequestPosition(laneNumber, number)
            : throw ApiException.InvalidRequest("after: no place in the list. Take next of an earlier page.");
    }
}
