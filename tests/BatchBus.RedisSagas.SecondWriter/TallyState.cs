using MassTransit;

namespace BatchBus.RedisSagas.SecondWriter;

public sealed class TallyState : SagaStateMachineInstance, ISagaVersion
{
    public Guid CorrelationId { get; set; }

    public int Version { get; set; }

    public string? CurrentState { get; set; }

    public int Total { get; set; }

    public int Starts { get; set; }
}
