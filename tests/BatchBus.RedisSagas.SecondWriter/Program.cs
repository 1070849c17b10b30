using System.Globalization;
using BatchBus.RedisSagas;
using BatchBus.RedisSagas.SecondWriter;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

// Arguments: Redis, key prefix, correlation id, increments. Says "ready", adds once a line arrives, and says how many attempts that took.
if (args is not [var connection, var prefix, var id, var count])
{
    return 1;
}

await using var redis = await ConnectionMultiplexer.ConnectAsync(connection);
var probe = new TallyProbe();
await using var provider = new ServiceCollection()
    .AddSingleton(probe)
    .AddSingleton<IConnectionMultiplexer>(redis)
    .AddMassTransit(x =>
    {
        x.DisableUsageTelemetry();
        x.AddSagaStateMachine<TallyStateMachine, TallyState, TallyDefinition>().RedisRepository(options => options.KeyFormat = key => $"{prefix}{key:N}");
        x.UsingInMemory((context, bus) => bus.ConfigureEndpoints(context));
    })
    .BuildServiceProvider(validateScopes: true);

var control = provider.GetRequiredService<IBusControl>();
await control.StartAsync();
await Console.Out.WriteLineAsync("ready");
if (await Console.In.ReadLineAsync() is null)
{
    return 1;
}

var increments = int.Parse(count, CultureInfo.InvariantCulture);
var client = control.CreateRequestClient<AddToTally>();
await Task.WhenAll(Enumerable.Range(0, increments).Select(_ => client.GetResponse<TallyChanged>(new AddToTally(Guid.Parse(id)))));
await Console.Out.WriteLineAsync(probe.Attempts.ToString(CultureInfo.InvariantCulture));
await control.StopAsync();
return 0;
