using System.Globalization;

namespace BatchBus.Storage.Pages;

/// <summary>How the last call for a request failed.</summary>
/// <param name="Failures">How many calls for it have failed in a row, at the worker that has it.</param>
/// <param name="Reason">In words, without prompts, answers or keys.</param>
public readonly record struct CallFailure(int Failures, string Reason)
{
    internal static CallFailure Parse(string note) => note.Split(' ', 2) is var parts ? new CallFailure(int.Parse(parts[0], CultureInfo.InvariantCulture), parts[1]) : default;

    /// <summary>Without <c>|</c>, by which the entries of pages are known beside it.</summary>
    internal string Format() => string.Create(CultureInfo.InvariantCulture, $"{Failures} {Reason.Replace('|', '/')}");
}
