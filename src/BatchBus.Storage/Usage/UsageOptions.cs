namespace BatchBus.Storage.Usage;

/// <summary>How long usage is kept; section <c>BatchBus</c>.</summary>
public sealed class UsageOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "BatchBus";

    /// <summary>The longest retention.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(10_000);

    /// <summary>From the end of a day until its usage is removed; deleting a batch does not remove what it used.</summary>
    /// <value>400 days.</value>
    public TimeSpan UsageRetention { get; set; } = TimeSpan.FromDays(400);

    /// <summary>The days from the first to the last.</summary>
    internal static IEnumerable<DateOnly> Days(DateOnly from, DateOnly to) => Enumerable.Range(from.DayNumber, to.DayNumber - from.DayNumber + 1).Select(DateOnly.FromDayNumber);

    /// <summary>When what a day's keys hold is removed; the same however often it is set.</summary>
    internal DateTime EndOf(DateOnly day) => day.AddDays(1).ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc) + UsageRetention;
}
