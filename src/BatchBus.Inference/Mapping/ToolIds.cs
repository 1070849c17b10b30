using System.Security.Cryptography;
using System.Text;

namespace BatchBus.Inference.Mapping;

/// <summary>
/// The ids of one conversation's tool calls: <c>toolu_</c> and nine letters and digits for the caller, those nine for the model, because
/// Mistral's chat template takes nothing else. Ids of any other form get nine that are derived from them, the same in every request.
/// </summary>
internal sealed class ToolIds
{
    private const string Prefix = "toolu_";
    private const int Length = 9;
    private const string Characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    private readonly Dictionary<string, string> _forModel = new(StringComparer.Ordinal);
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

    /// <summary>What the model gets for an id of the conversation.</summary>
    public string ForModel(string id)
    {
        if (_forModel.TryGetValue(id, out var known))
        {
            return known;
        }

        var bare = id.StartsWith(Prefix, StringComparison.Ordinal) ? id[Prefix.Length..] : id;
        var candidate = IsBare(bare) ? bare : Derived(id);
        for (var again = 1; !_taken.Add(candidate); again++)
        {
            candidate = Derived($"{id}#{again}");
        }

        _forModel.Add(id, candidate);
        return candidate;
    }

    /// <summary>What the caller gets for an id that the model gave: some servers give none, or the same one in every turn.</summary>
    public string ForCaller(string? id)
    {
        var bare = id is not null && IsBare(id) ? id : RandomNumberGenerator.GetString(Characters, Length);
        while (!_taken.Add(bare))
        {
            bare = RandomNumberGenerator.GetString(Characters, Length);
        }

        return Prefix + bare;
    }

    private static bool IsBare(string id) => id.Length == Length && id.All(char.IsAsciiLetterOrDigit);

    private static string Derived(string id) =>
        string.Create(Length, SHA256.HashData(Encoding.UTF8.GetBytes(id)), (text, hash) =>
        {
            for (var i = 0; i < text.Length; i++)
            {
                text[i] = Characters[hash[i] % Characters.Length];
            }
        });
}
