using System.Globalization;
using System.Runtime.InteropServices;

namespace BatchBus.Simulator;

/// <summary>
/// What can be known in advance about an answer: it starts with <c>[simulated {model}]</c> and then, unless <c>max_tokens</c> or a
/// stop string cuts it, holds the <see cref="Echo"/> of the messages that it answers, and prose that depends on them.
/// </summary>
public static class SimulatedAnswer
{
    private const int ExcerptLength = 60;
    private const int CharactersPerToken = 4;

    /// <summary>The 64-bit key of a request: the same in every process for the same messages; never 0.</summary>
    public static ulong KeyOf(IEnumerable<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var hash = 0xCBF29CE484222325;
        foreach (var message in messages)
        {
            hash = Add(Add(hash, message.Role), message.Text);
        }

        return Math.Max(1, Mix(hash));
    }

    /// <summary>
    /// The part of the answer that proves which messages it belongs to: <c>[{key} "{excerpt}"]</c>, the key as 16 hexadecimal digits,
    /// the excerpt being the first 60 characters of the last user message with a space for each control character.
    /// </summary>
    public static string Echo(IEnumerable<ChatMessage> messages)
    {
        var list = messages.ToList();
        return Echo(KeyOf(list), Excerpt(LastUserText(list)));
    }

    /// <summary>The tokens that the simulator counts for a text: one for every four UTF-16 characters begun.</summary>
    public static int TokensOf(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return TokensIn(text.Length);
    }

    internal static string Echo(ulong key, string excerpt) => string.Create(CultureInfo.InvariantCulture, $"[{key:x16} \"{excerpt}\"]");

    internal static string LastUserText(List<ChatMessage> messages)
    {
        var index = messages.FindLastIndex(message => message.Role == "user");
        return index >= 0 ? messages[index].Text : "";
    }

    internal static string Excerpt(string text) =>
        string.Create(CutAt(text, ExcerptLength), text, static (excerpt, source) =>
        {
            for (var i = 0; i < excerpt.Length; i++)
            {
                excerpt[i] = char.IsControl(source[i]) ? ' ' : source[i];
            }
        });

    internal static int TokensIn(int characters) => (characters + CharactersPerToken - 1) / CharactersPerToken;

    /// <summary>How many characters of <paramref name="text"/> fit into <paramref name="tokens"/>.</summary>
    internal static int FitInto(ReadOnlySpan<char> text, int tokens) =>
        tokens >= TokensIn(text.Length) ? text.Length : CutAt(text, tokens * CharactersPerToken);

    /// <summary>A bijection on 64 bits in which every bit of the input changes about half of the output.</summary>
    internal static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>At most <paramref name="length"/>, and never between the two halves of a surrogate pair.</summary>
    private static int CutAt(ReadOnlySpan<char> text, int length)
    {
        if (text.Length <= length)
        {
            return text.Length;
        }

        return length > 0 && char.IsHighSurrogate(text[length - 1]) ? length - 1 : length;
    }

    // Four characters a step. The length goes in first, so that text cannot move from one message to the next unnoticed.
    private static ulong Add(ulong hash, ReadOnlySpan<char> text)
    {
        hash = Step(hash, (ulong)text.Length);
        var words = MemoryMarshal.Cast<char, ulong>(text);
        foreach (var word in words)
        {
            hash = Step(hash, word);
        }

        foreach (var character in text[(words.Length * 4)..])
        {
            hash = Step(hash, character);
        }

        return hash;
    }

    private static ulong Step(ulong hash, ulong word)
    {
        hash = (hash ^ word) * 0x9E3779B97F4A7C15;
        return hash ^ (hash >> 29);
    }
}
