using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace BatchBus.Webhooks;

/// <summary>Signs by the Standard Webhooks specification, symmetric form.</summary>
internal static class WebhookSecret
{
    private const string Prefix = "whsec_";
    private const int MinBytes = 24;
    private const int MaxBytes = 64;

    public static bool IsValid(string secret) => Key(secret) is { Length: >= MinBytes and <= MaxBytes };

    /// <summary>The header <c>webhook-signature</c>: one signature per secret, in the order of the secrets.</summary>
    public static string Sign(IEnumerable<string> secrets, string id, long timestamp, ReadOnlySpan<byte> payload)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.")), .. payload];
        return string.Join(' ', secrets.Select(secret => $"v1,{Convert.ToBase64String(HMACSHA256.HashData(Key(secret)!, signed))}"));
    }

    private static byte[]? Key(string secret)
    {
        var key = new byte[secret.Length];
        return secret.StartsWith(Prefix, StringComparison.Ordinal) && Convert.TryFromBase64String(secret[Prefix.Length..], key, out var length) ? key[..length] : null;
    }
}
