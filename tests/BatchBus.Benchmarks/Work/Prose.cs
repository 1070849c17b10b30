using System.Text;

namespace BatchBus.Benchmarks.Work;

/// <summary>
/// Text that compresses about as badly as people's own: sentences of invented words, some frequent and most rare. The same seed gives
/// the same text everywhere; it needs no escaping in JSON.
/// </summary>
internal static class Prose
{
    private const int VocabularySize = 4_000;
    private const double Skew = 1.15;

    private static readonly string[] Onsets = ["b", "br", "c", "ch", "d", "f", "g", "h", "j", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "th", "tr", "v", "w"];
    private static readonly string[] Vowels = ["a", "ai", "e", "ea", "i", "o", "ou", "u"];
    private static readonly string[] Codas = ["", "", "d", "l", "m", "n", "nd", "ng", "r", "s", "t"];
    private static readonly byte[][] Vocabulary = CreateVocabulary();
    private static readonly double[] Frequencies = CreateFrequencies();

    /// <summary>A text of that many characters, each one byte.</summary>
    public static byte[] Write(int seed, int length)
    {
        var random = new Random(seed);
        var text = new byte[length];
        for (var position = 0; position < length;)
        {
            for (var left = random.Next(5, 20); left > 0; left--)
            {
                Append(Word(random));
                Append(left == 1 ? ". "u8 : random.Next(12) == 0 ? ", "u8 : " "u8);
            }

            void Append(ReadOnlySpan<byte> part)
            {
                part = part[..Math.Min(part.Length, length - position)];
                part.CopyTo(text.AsSpan(position));
                position += part.Length;
            }
        }

        return text;
    }

    private static byte[] Word(Random random)
    {
        var place = Array.BinarySearch(Frequencies, random.NextDouble() * Frequencies[^1]);
        return Vocabulary[place < 0 ? ~place : place];
    }

    /// <summary>Frequent words are short.</summary>
    private static byte[][] CreateVocabulary()
    {
        var random = new Random(1);
        var words = new HashSet<string>();
        while (words.Count < VocabularySize)
        {
            var syllables = words.Count switch { < 60 => 1, < 800 => random.Next(1, 3), _ => random.Next(2, 4) };
            words.Add(string.Concat(Enumerable.Range(0, syllables).Select(_ => Pick(Onsets) + Pick(Vowels) + Pick(Codas))));
        }

        return [.. words.Select(Encoding.ASCII.GetBytes)];

        string Pick(string[] parts) => parts[random.Next(parts.Length)];
    }

    /// <summary>Summed up, so that a search finds the word that a random number stands for.</summary>
    private static double[] CreateFrequencies()
    {
        var sum = 0.0;
        return [.. Enumerable.Range(0, VocabularySize).Select(rank => sum += 1 / Math.Pow(rank + 2.7, Skew))];
    }
}
