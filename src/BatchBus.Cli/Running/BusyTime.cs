namespace BatchBus.Cli.Running;

/// <summary>
/// How long each model was busy with a batch: wall-clock time in which it had requests of the batch left to answer. Requests share a
/// GPU, so the sum of their own times would count the same GPU second many times over.
/// </summary>
internal sealed class BusyTime
{
    private readonly Dictionary<string, double> _seconds;
    private readonly TimeProvider _time;
    private long _seenAt;
    private BatchProgress? _seen;

    public BusyTime(IReadOnlyDictionary<string, double> earlier, TimeProvider time)
    {
        _seconds = new Dictionary<string, double>(earlier);
        _time = time;
        _seenAt = time.GetTimestamp();
    }

    /// <summary>Seconds by model so far.</summary>
    public IReadOnlyDictionary<string, double> Seconds => new Dictionary<string, double>(_seconds);

    /// <summary>Counts the time since the last call, at first since the start, for the models that had work left then.</summary>
    public void Observe(BatchProgress progress)
    {
        var now = _time.GetTimestamp();
        var elapsed = _time.GetElapsedTime(_seenAt, now).TotalSeconds;
        foreach (var model in (_seen ?? progress).Models)
        {
            if (model.Done < model.Requests)
            {
                _seconds[model.Model] = _seconds.GetValueOrDefault(model.Model) + elapsed;
            }
        }

        (_seen, _seenAt) = (progress, now);
    }
}
