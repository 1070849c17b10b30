using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace BatchBus.Api.Keys;

/// <summary>
/// An API key: <c>bbk_</c>, 40 random base-62 digits, and 6 that are a checksum of what precedes them, so that scanners recognise a
/// key and a mistyped one is told apart from an unknown one.
/// </summary>
public static class ApiKey
{
    private const string Prefix = "bbk_";
    private const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int RandomDigits = 40;
    private const int ChecksumDigits = 6;

    /// <summary>Makes a new key. Only its hash is ever kept.</summary>
    public static string New()
    {
        var key = Prefix + RandomNumberGenerator.GetString(Digits, RandomDigits);
        return key + Checksum(key);
    }

    /// <summary>Whether a text has the form of a key and its checksum is right.</summary>
    public static bool IsWellFormed([NotNullWhen(true)] string? key)
        => key is not null
            && key.Length == Prefix.Length + RandomDigits + ChecksumDigits
            && key.StartsWith(Prefix, StringComparison.Ordinal)
            && key.EndsWith(Checksum(key[..^ChecksumDigits]), StringComparison.Ordinal);

    /// <summary>
    /// What is configured in place of a key: its SHA-256, in lower-case hexadecimal digits. The key has 238 random bits, so a plain
    /// hash cannot be reversed by guessing.
    /// </summary>
    public static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private static string Checksum(string text)
    {
        var number = BitConverter.ToUInt32(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        Span<char> digits = stackalloc char[ChecksumDigits];
        for (var i = ChecksumDigits - 1; i >= 0; i--, number /= 62)
        {
            digits[i] = Digits[(int)(number % 62)];
        }

        return new string(digits);
    }
}
