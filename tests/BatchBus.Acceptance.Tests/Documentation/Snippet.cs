using System.Text.RegularExpressions;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Documentation;

/// <summary>A fenced block of a Markdown file.</summary>
/// <param name="Language">The word after the fence.</param>
/// <param name="Text">Its lines.</param>
internal sealed partial record Snippet(string Language, string Text)
{
    /// <summary>The blocks of a file of the repository, in their order.</summary>
    public static IReadOnlyList<Snippet> All(string file)
        => [.. Fence().Matches(File.ReadAllText(Path.Combine(Repository.Root, file))).Select(match => new Snippet(match.Groups[1].Value, match.Groups[2].Value))];

    [GeneratedRegex("^```(\\w+)\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();
}
