using System.Text.RegularExpressions;

namespace BatchBus.RedisSagas.Tests;

public sealed partial class SagaScriptsTests
{
    private static readonly TestCaseData<string>[] Scripts =
    [
        new(SagaScripts.Insert) { TestName = "{m}(insert)" },
        new(SagaScripts.Update) { TestName = "{m}(update)" },
        new(SagaScripts.Delete) { TestName = "{m}(delete)" },
    ];

    [Test]
    public void There_are_no_other_scripts_than_the_tested_ones() =>
        Assert.That(typeof(SagaScripts).Assembly.GetManifestResourceNames().Where(name => name.EndsWith(".lua", StringComparison.Ordinal)), Has.Exactly(3).Items);

    [TestCaseSource(nameof(Scripts))]
    public void O_every_command_of_a_script_takes_its_one_declared_key(string script)
    {
        var calls = Call().Matches(script);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(calls, Is.Not.Empty);
            Assert.That(calls.Select(call => call.Groups["key"].Value), Is.All.EqualTo("KEYS[1]"));
            Assert.That(Regex.Count(script, @"redis\.p?call"), Is.EqualTo(calls.Count));
        }
    }

    [TestCaseSource(nameof(Scripts))]
    public void A_script_opens_with_its_keys_arguments_result_and_invariant(string script) =>
        Assert.That(script, Does.Match(@"^-- .+\n-- KEYS\[1\] .+\n(-- ARGV\[\d\] .+\n)+-- Returns .+\n-- Invariant: "));

    [GeneratedRegex(@"redis\.call\('[A-Z]+', (?<key>[^,)]+)")]
    private static partial Regex Call();
}
