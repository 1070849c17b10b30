using System.Diagnostics;
using System.Globalization;
using BatchBus.RedisSagas.SecondWriter;

namespace BatchBus.RedisSagas.Tests;

public sealed class When_two_processes_write_one_saga
{
    private const string KeyPrefix = nameof(When_two_processes_write_one_saga) + ":";
    private const int Increments = 200;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Test]
    public async Task D_no_update_of_either_is_lost()
    {
        await using var bus = await TallyBus.StartAsync(KeyPrefix);
        var id = Guid.NewGuid();
        await bus.AskAsync(new StartTally(id));
        using var second = StartSecondWriter(id);
        try
        {
            Assert.That(await second.StandardOutput.ReadLineAsync().WaitAsync(Deadline), Is.EqualTo("ready"));

            await second.StandardInput.WriteLineAsync("go");
            await Task.WhenAll(Enumerable.Range(0, Increments).Select(_ => bus.AskAsync(new AddToTally(id))));
            var attemptsOfSecond = await second.StandardOutput.ReadLineAsync().WaitAsync(Deadline);

            using (Assert.EnterMultipleScope())
            {
                Assert.That((await bus.LoadAsync(id))!.Total, Is.EqualTo(2 * Increments));
                Assert.That(int.Parse(attemptsOfSecond!, CultureInfo.InvariantCulture), Is.GreaterThan(Increments), "the second had no conflict");
            }
        }
        finally
        {
            second.Kill();
        }
    }

    private static Process StartSecondWriter(Guid id) =>
        Process.Start(new ProcessStartInfo(
            "dotnet", [typeof(TallyState).Assembly.Location, Servers.RedisConnectionString, KeyPrefix, $"{id}", $"{Increments}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
}
