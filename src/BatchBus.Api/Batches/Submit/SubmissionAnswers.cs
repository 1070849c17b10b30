using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace BatchBus.Api.Batches.Submit;

/// <summary>
/// Sends answers to where a message says. They go over the bus's own channel: an exchange that refuses one closes the channel, which
/// would return the message to the queue again and again if it were that of the receiver.
/// </summary>
/// <param name="services">Gives the bus once it is made, which is after the queue's filters.</param>
/// <param name="logger">Hears of what could not be sent.</param>
internal sealed partial class SubmissionAnswers(IServiceProvider services, ILogger<SubmissionAnswers> logger)
{
    /// <summary>The bus repeats what fails for as long as it may; whoever waits for an answer sends the message again.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Whether a message's response address, if it has one, is one that can be sent to, as far as can be told without sending.</summary>
    public Task<bool> CanReachAsync(ConsumeContext context) => TryAsync(
        async (bus, _) =>
        {
            if (context.ResponseAddress is { } address)
            {
                await bus.GetSendEndpoint(address);
            }
        },
        context.CancellationToken);

    /// <summary>Sends an answer. False when it cannot be sent, which is logged: the address is the sender's to get right.</summary>
    public Task<bool> TrySendAsync<T>(Uri address, Guid? requestId, T answer, CancellationToken cancellationToken)
        where T : class
        => TryAsync(
            async (bus, token) =>
            {
                var endpoint = await bus.GetSendEndpoint(address);
                await endpoint.Send(answer, Pipe.Execute<SendContext>(send => send.RequestId = requestId), token);
            },
            cancellationToken);

    private async Task<bool> TryAsync(Func<IBus, CancellationToken, Task> step, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            await step(services.GetRequiredService<IBus>(), patience.Token);
            return true;
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            Log.Unanswered(logger, error.GetType().Name);
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "A message on submit-batch cannot be answered where it says ({Error})")]
        public static partial void Unanswered(ILogger logger, string error);
    }
}
