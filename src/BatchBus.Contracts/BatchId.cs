using System.Diagnostics.CodeAnalysis;

namespace BatchBus.Contracts;

/// <summary>
/// The two forms of a batch's id: the <see cref="Guid"/> that messages carry and the public id that HTTP clients see.
/// The public id is <c>msgbatch_01</c> followed by the Guid as 22 base-62 digits, 24 characters after the underscore as in
/// Anthropic's API; ids made by <see cref="New"/> sort by the time of their creation in both forms.
/// </summary>
public static class BatchId
{
    private const string Prefix = "msgbatch_01";
    private const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int DigitCount = 22;

    /// <summary>Makes a new id whose leading bits are the given time.</summary>
    public static Guid New(DateTimeOffset now) => Guid.CreateVersion7(now);

    /// <summary>The public form of <paramref name="batchId"/>.</summary>
    public static string Format(Guid batchId)
    {
        Span<byte> bytes = stackalloc byte[16];
        batchId.TryWriteBytes(bytes, bigEndian: true, out _);
        var value = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
        return string.Create(Prefix.Length + DigitCount, value, static (text, rest) =>
        {
            Prefix.CopyTo(text);
            for (var i = text.Length - 1; i >= Prefix.Length; i--)
            {
                (rest, var digit) = UInt128.DivRem(rest, 62);
                text[i] = Digits[(int)digit];
            }
        });
    }

    /// <summary>Reads a public id; false for anything that <see cref="Format"/> cannot have made.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Guid batchId)
    {
        batchId = default;
        if (text is null || text.Length != Prefix.Length + DigitCount || !text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        UInt128 value = 0;
        foreach (var character in text.AsSpan(Prefix.Length))
        {
            var digit = Digits.IndexOf(character, StringComparison.Ordinal);
            if (digit < 0 || value > (UInt128.MaxValue - (UInt128)digit) / 62)
            {
                return false;
            }

            value = (value * 62) + (UInt128)digit;
        }

        Span<byte> bytes = stackalloc byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, value);
        batchId = new Guid(bytes, bigEndian: true);
        return true;
    }
}
