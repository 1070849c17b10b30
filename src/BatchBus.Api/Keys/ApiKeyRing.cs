using System.Security.Cryptography;
using System.Text;
using BatchBus.Api.Errors;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Keys;

/// <summary>Knows which workspace a caller's key belongs to. Without configured keys every caller is in the workspace <c>default</c>.</summary>
public sealed class ApiKeyRing
{
    private static readonly Caller Anybody = new("default", "", null, null, null);

    private readonly (byte[] Hash, Caller Caller)[] _keys;

    /// <summary>Takes the configured keys.</summary>
    /// <exception cref="ArgumentException">An entry is incomplete; the message names the setting.</exception>
    public ApiKeyRing(IReadOnlyList<ApiKeyOptions> keys)
    {
        for (var i = 0; i < keys.Count; i++)
        {
            if (keys[i].Workspace.Length == 0)
            {
                throw new ArgumentException($"{ApiKeyOptions.Section}:{i}:Workspace is empty. Name the workspace that the key belongs to.");
            }

            if (keys[i].RequestsPerMinute < 1 || keys[i].MaxWaitingRequests < 1)
            {
                throw new ArgumentException($"{ApiKeyOptions.Section}:{i}: RequestsPerMinute and MaxWaitingRequests must be 1 or more. Leave out what shall not be limited.");
            }

            if (keys[i].Hash.Length != 64 || !keys[i].Hash.All(char.IsAsciiHexDigit))
            {
                throw new ArgumentException($"{ApiKeyOptions.Section}:{i}:Hash is not a hash of 64 hexadecimal digits. `batchbus keys create` prints one.");
            }
        }

        _keys =
        [
            .. keys.Select(key => (Convert.FromHexString(key.Hash), new Caller(
                key.Workspace,
                key.Hash[..16].ToLowerInvariant(),
                key.RequestsPerMinute,
                key.MaxWaitingRequests,
                keys.Where(other => other.Workspace == key.Workspace).Min(other => other.MaxWaitingRequests)))),
        ];
    }

    /// <summary>Whether any key is configured.</summary>
    public bool IsEmpty => _keys.Length == 0;

    /// <summary>
    /// The caller of a request, by <c>x-api-key</c> or <c>Authorization: Bearer</c>; where both are given, either may be the right one.
    /// </summary>
    internal Caller Authenticate(HttpRequest request)
    {
        if (IsEmpty)
        {
            return Anybody;
        }

        string? bearer = request.Headers.Authorization;
        string?[] offered =
        [
            request.Headers["x-api-key"],
            bearer?.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) is true ? bearer[7..].Trim() : null,
        ];
        foreach (var key in offered)
        {
            if (!string.IsNullOrEmpty(key) && Find(key) is { } caller)
            {
                return caller;
            }
        }

        throw ApiException.Unauthenticated(Array.TrueForAll(offered, string.IsNullOrEmpty)
            ? "An API key is required: send it as `x-api-key` or as `Authorization: Bearer`."
            : "Invalid API key. Check it for missing characters, or make a new one with `batchbus keys create`.");
    }

    /// <summary>Compares with every key in constant time, so that the time tells nothing.</summary>
    private Caller? Find(string key)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        Caller? found = null;
        foreach (var known in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, known.Hash))
            {
                found = known.Caller;
            }
        }

        return found;
    }
}
