namespace BatchBus.Worker.Execution;

/// <summary>Lets many calls be under way at once, or one while there is no other. Whoever wants to be alone is waited for by those who come later.</summary>
/// <param name="most">Most calls at once.</param>
#pragma warning disable CA1001 // Neither semaphore hands out a wait handle: there is nothing to dispose of.
internal sealed class CallGate(int most)
#pragma warning restore CA1001
{
    private readonly SemaphoreSlim _places = new(most);
    private readonly SemaphoreSlim _alone = new(1);

    public Task EnterAsync(bool alone, CancellationToken cancellationToken)
        => alone ? EnterAloneAsync(cancellationToken) : _places.WaitAsync(cancellationToken);

    public void Leave(bool alone)
    {
        _places.Release(alone ? most : 1);
        if (alone)
        {
            _alone.Release();
        }
    }

    /// <summary>Takes every place: at once, so that whoever comes later queues up behind all of these.</summary>
    private async Task EnterAloneAsync(CancellationToken cancellationToken)
    {
        await _alone.WaitAsync(cancellationToken);
        var places = Enumerable.Range(0, most).Select(_ => _places.WaitAsync(cancellationToken)).ToList();
        try
        {
            await Task.WhenAll(places);
        }
        catch
        {
            if (places.Count(place => place.IsCompletedSuccessfully) is > 0 and var taken)
            {
                _places.Release(taken);
            }

            _alone.Release();
            throw;
        }
    }
}
