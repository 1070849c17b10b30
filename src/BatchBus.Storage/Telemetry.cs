using System.Diagnostics;

namespace BatchBus.Storage;

/// <summary>What traces and metrics of all rooms have in common. Neither ever holds a prompt, an answer or a key.</summary>
public static class Telemetry
{
    /// <summary>The name of the meter and of the source of spans.</summary>
    public const string Name = "BatchBus";

    /// <summary>The header of a page's message that names the trace in which its batch was created, as W3C's <c>traceparent</c> does.</summary>
    public const string BatchTraceHeader = "BatchBus-Trace";

    /// <summary>The attribute of a span that holds the public id of its batch.</summary>
    public const string BatchId = "batchbus.batch.id";

    /// <summary>Bounds for times from a millisecond to minutes, seconds.</summary>
    public static readonly IReadOnlyList<double> Seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    /// <summary>Where spans come from; begins none while nobody listens.</summary>
    public static readonly ActivitySource Source = new(Name);
}
