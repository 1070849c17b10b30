using System.Text.RegularExpressions;
using BatchBus.Api.Keys;

namespace BatchBus.Cli.Tests.Keys;

public sealed partial class KeysCreateTests
{
    [Test]
    public async Task Prints_a_key_and_the_settings_that_let_it_in()
    {
        using var cli = new CommandLine();

        var run = await cli.RunAsync("keys", "create", "--workspace", "sales");

        Assert.That(run.ExitCode, Is.Zero, run.Errors);
        var key = Key.Match(run.Output).Value;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ApiKey.IsWellFormed(key), Is.True, run.Output);
            Assert.That(run.Output, Does.Contain("BatchBus__ApiKeys__0__Workspace=sales"));
            Assert.That(run.Output, Does.Contain($"BatchBus__ApiKeys__0__Hash={ApiKey.Hash(key)}"));
        }
    }

    [GeneratedRegex("bbk_[A-Za-z0-9]+")]
    private static partial Regex Key { get; }
}
