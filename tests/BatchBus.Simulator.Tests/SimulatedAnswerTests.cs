using CsCheck;

namespace BatchBus.Simulator.Tests;

public sealed class SimulatedAnswerTests
{
    private static readonly Gen<ChatMessage[]> Messages =
        Gen.Select(Gen.OneOf(Gen.Const("system"), Gen.Const("user"), Gen.Const("assistant")), Gen.String, (role, text) => new ChatMessage(role, text)).Array[0, 4];

    [Test]
    public void Different_messages_have_different_echoes() =>
        Gen.Select(Messages, Messages)
            .Where((one, other) => !one.SequenceEqual(other))
            .Sample((one, other) => SimulatedAnswer.Echo(one) != SimulatedAnswer.Echo(other));

    [Test]
    public void Moving_text_between_messages_changes_the_key() =>
        Gen.Select(Gen.String[1, 20], Gen.String[1, 20])
            .Sample((one, other) =>
                SimulatedAnswer.KeyOf([new("user", one + other), new("user", "")]) != SimulatedAnswer.KeyOf([new("user", one), new("user", other)]));

    [Test]
    public void Numbered_prompts_have_distinct_keys()
    {
        var keys = Enumerable.Range(0, 200_000).Select(i => SimulatedAnswer.KeyOf([new("user", $"Write to lead number {i} today.")])).ToHashSet();

        Assert.That(keys, Has.Count.EqualTo(200_000));
    }

    [Test]
    public void The_key_is_the_same_in_every_process() =>
        Assert.That(
            SimulatedAnswer.Echo([new("system", "Be brief."), new("user", "Line one\nline two, which goes on until the sixty characters are full")]),
            Is.EqualTo("[e2483111dca5fbeb \"Line one line two, which goes on until the sixty characters \"]"));

    [Test]
    public void The_excerpt_never_ends_within_a_surrogate_pair()
    {
        var echo = SimulatedAnswer.Echo([new("user", new string('a', 59) + "😀 and more")]);

        Assert.That(echo, Does.EndWith($"{new string('a', 59)}\"]"));
    }
}
