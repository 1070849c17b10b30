namespace BatchBus.Cli.RunPod;

/// <summary>Values that must not be shown, each by the name of the variable that holds it.</summary>
internal sealed class Secrets
{
    // Anything shorter is a setting rather than a secret, and hiding it would maim every text in which it occurs by chance.
    private const int ShortestSecret = 8;

    private readonly Dictionary<string, string> _values = [];

    public void Add(string name, string value)
    {
        if (value.Length >= ShortestSecret)
        {
            _values[name] = value;
        }
    }

    /// <summary>The text with each secret replaced by <c>${NAME}</c>, and without control characters, which could steer a terminal.</summary>
    public string Hide(string text)
    {
        // The longest first: one secret may begin with another.
        foreach (var (name, value) in _values.OrderByDescending(secret => secret.Value.Length))
        {
            text = text.Replace(value, $"${{{name}}}", StringComparison.Ordinal);
        }

        return string.Concat(text.Select(character => char.IsControl(character) ? ' ' : character));
    }
}
