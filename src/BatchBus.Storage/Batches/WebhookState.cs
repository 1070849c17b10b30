using System.Globalization;

namespace BatchBus.Storage.Batches;

/// <summary>Who is to be told of a batch's end, and how far that has come.</summary>
/// <param name="Url">The receiver.</param>
/// <param name="Phase">Whether an attempt is still to come.</param>
/// <param name="Attempts">Attempts that have begun.</param>
/// <param name="NextAttempt">While one is to come, not before when; otherwise when it came to its end.</param>
public sealed record WebhookState(string Url, WebhookPhase Phase, int Attempts, DateTimeOffset NextAttempt)
{
    /// <summary>Reads what <see cref="Format"/> has written; nothing yet is no attempt.</summary>
    internal static WebhookState Parse(string url, string? state)
    {
        if (state is null)
        {
            return new WebhookState(url, WebhookPhase.Due, 0, DateTimeOffset.UnixEpoch);
        }

        var parts = state.Split(' ');
        return new WebhookState(
            url,
            (WebhookPhase)int.Parse(parts[0], CultureInfo.InvariantCulture),
            int.Parse(parts[1], CultureInfo.InvariantCulture),
            DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(parts[2], CultureInfo.InvariantCulture)));
    }

    /// <summary>As it is stored; of a state that has never been stored, empty.</summary>
    internal string Format()
        => Attempts == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{(int)Phase} {Attempts} {NextAttempt.ToUnixTimeMilliseconds()}");
}

/// <summary>Whether a receiver has still to be told; the numbers are stored.</summary>
public enum WebhookPhase
{
    /// <summary>An attempt is to come.</summary>
    Due = 0,

    /// <summary>The receiver has it.</summary>
    Delivered = 1,

    /// <summary>The receiver wants none (410).</summary>
    Refused = 2,

    /// <summary>The last attempt failed.</summary>
    GivenUp = 3,
}
