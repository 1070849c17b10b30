namespace BatchBus.Simulator.Workers;

/// <summary>One worker; its state belongs to its <see cref="WorkerPool"/> and is changed under that one's lock.</summary>
internal sealed class Worker(string id, EndpointClock clock)
{
    private TokenDecoder? _decoder;
    private volatile bool _isDead;

    public string Id => id;

    public WorkerState State { get; set; }

    /// <summary>When it is ready, for one that initialises; since when it has nothing to do, for a ready one without work.</summary>
    public DateTimeOffset Since { get; set; }

    public int Running { get; set; }

    /// <summary>Whether its engine is dead: it takes jobs all the same.</summary>
    public bool IsDead
    {
        get => _isDead;
        set => _isDead = value;
    }

    /// <summary>Its share of time among the sequences that it generates; made with the first.</summary>
    public TokenDecoder Decoder => LazyInitializer.EnsureInitialized(ref _decoder, () => new TokenDecoder(clock));
}
