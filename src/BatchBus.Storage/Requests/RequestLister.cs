using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Results;

namespace BatchBus.Storage.Requests;

/// <summary>Lists requests with what has become of each, lane by lane; neither parameters nor answers.</summary>
public sealed class RequestLister(RequestStore requests, ResultStore results, PageStore pages)
{
    /// <summary>Requests whose state is looked at in one call.</summary>
    private const int Window = 2048;

    /// <summary>One page of a batch's requests.</summary>
    /// <param name="record">The batch.</param>
    /// <param name="state">Only requests of this state; null for all.</param>
    /// <param name="after">Only what comes after this place; null for the beginning.</param>
    /// <param name="limit">Most requests in the page.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    /// <returns>The page, and whether more come after it.</returns>
    public async Task<(IReadOnlyList<ListedRequest> Requests, bool HasMore)> ReadAsync(
        BatchRecord record, RequestState? state, RequestPosition? after, int limit, CancellationToken cancellationToken)
    {
        var held = record.ClosedAt is null ? (await pages.ReadAsync(record.BatchId)).Leased(record.BatchId).ToList() : [];
        var listed = new List<ListedRequest>(limit);
        foreach (var lane in record.Lanes.Where(lane => lane.Number >= (after?.Lane ?? 0)))
        {
            await using var submitted = requests.Follow(record.BatchId, lane);
            for (var from = lane.Number == after?.Lane ? after.Value.Position + 1 : 0; from < lane.Count; from += Window)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var count = Math.Min(Window, lane.Count - from);
                var states = await StatesAsync(record, lane, from, count, held);
                for (var i = 0; i < count; i++)
                {
                    if (state is not null && states[i] != state)
                    {
                        continue;
                    }

                    if (listed.Count == limit)
                    {
                        return (await WithErrorsAsync(record, listed), true);
                    }

                    if (await submitted.ReadAsync(from + i) is { } request)
                    {
                        listed.Add(new ListedRequest(
                            new RequestPosition(lane.Number, from + i), request.Index, request.CustomId, states[i], lane.Model, lane.StageRouted ? null : request.Rule)
                        {
                            Error = lane.Model is null ? ("not_found_error", request.Failure) : null,
                        });
                    }
                }
            }
        }

        return (await WithErrorsAsync(record, listed), false);
    }

    private async Task<RequestState[]> StatesAsync(BatchRecord record, Lane lane, int from, int count, List<Page> held)
    {
        var states = new RequestState[count];
        if (lane.Model is null)
        {
            Array.Fill(states, RequestState.Errored);
            return states;
        }

        var outcomes = await results.OutcomesAsync(record.BatchId, lane.Number, from, count);
        for (var i = 0; i < count; i++)
        {
            states[i] = outcomes[i] switch
            {
                RequestOutcome.Succeeded => RequestState.Succeeded,
                RequestOutcome.Errored => RequestState.Errored,
                _ when record.ClosedAt is not null => record.Reason is BatchEndReason.Canceled ? RequestState.Canceled : RequestState.Expired,
                _ when held.Exists(page => page.Lane == lane.Number && from + i >= page.From && from + i < page.From + page.Count) => RequestState.Running,
                _ => RequestState.Waiting,
            };
        }

        return states;
    }

    /// <summary>Reads the errors of those that have one, a block of neighbours at a time.</summary>
    private async Task<IReadOnlyList<ListedRequest>> WithErrorsAsync(BatchRecord record, List<ListedRequest> listed)
    {
        var errors = new Dictionary<RequestPosition, (string Type, string Message)>();
        var missing = listed.Where(request => request.State is RequestState.Errored && request.Error is null).Select(request => request.Place);
        foreach (var block in missing.GroupBy(place => (place.Lane, From: place.Position - (place.Position % ResultStore.MaxBlock))))
        {
            foreach (var (position, result) in await results.ReadAsync(record.BatchId, block.Key.Lane, block.Key.From, ResultStore.MaxBlock))
            {
                if (result.Outcome is RequestOutcome.Errored)
                {
                    errors[new RequestPosition(block.Key.Lane, position)] = ResultLine.ReadError(result.Line);
                }
            }
        }

        return [.. listed.Select(request => errors.TryGetValue(request.Place, out var error) ? request with { Error = error } : request)];
    }
}
