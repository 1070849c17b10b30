using MassTransit;

namespace BatchBus.RedisSagas.Tests;

/// <summary>A saga without a state machine.</summary>
public sealed class SimpleSaga : ISaga, ISagaVersion, InitiatedBy<InitiateSimpleSaga>, Orchestrates<MoveSimpleSaga>
{
    public Guid CorrelationId { get; set; }

    public int Version { get; set; }

    public string? Name { get; set; }

    public bool Moved { get; set; }

    public Task Consume(ConsumeContext<InitiateSimpleSaga> context)
    {
        Name = context.Message.Name;
        return Task.CompletedTask;
    }

    public Task Consume(ConsumeContext<MoveSimpleSaga> context)
    {
        Moved = true;
        return Task.CompletedTask;
    }
}

public sealed record InitiateSimpleSaga(Guid CorrelationId, string Name) : CorrelatedBy<Guid>;

public sealed record MoveSimpleSaga(Guid CorrelationId) : CorrelatedBy<Guid>;
