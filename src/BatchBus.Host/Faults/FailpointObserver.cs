using MassTransit;

namespace BatchBus.Host.Faults;

/// <summary>Makes every message that is sent, published or consumed a failpoint; part of the bus only where one is armed.</summary>
internal sealed class FailpointObserver(Failpoint failpoint) : ISendObserver, IPublishObserver, IConsumeObserver
{
    public Task PreSend<T>(SendContext<T> context)
        where T : class
        => failpoint.ReachAsync($"send:{typeof(T).Name}:before");

    public Task PostSend<T>(SendContext<T> context)
        where T : class
        => failpoint.ReachAsync($"send:{typeof(T).Name}:after");

    public Task SendFault<T>(SendContext<T> context, Exception exception)
        where T : class
        => Task.CompletedTask;

    public Task PrePublish<T>(PublishContext<T> context)
        where T : class
        => failpoint.ReachAsync($"send:{typeof(T).Name}:before");

    public Task PostPublish<T>(PublishContext<T> context)
        where T : class
        => failpoint.ReachAsync($"send:{typeof(T).Name}:after");

    public Task PublishFault<T>(PublishContext<T> context, Exception exception)
        where T : class
        => Task.CompletedTask;

    public Task PreConsume<T>(ConsumeContext<T> context)
        where T : class
        => failpoint.ReachAsync($"consume:{typeof(T).Name}:before");

    public Task PostConsume<T>(ConsumeContext<T> context)
        where T : class
        => failpoint.ReachAsync($"consume:{typeof(T).Name}:after");

    public Task ConsumeFault<T>(ConsumeContext<T> context, Exception exception)
        where T : class
        => Task.CompletedTask;
}
