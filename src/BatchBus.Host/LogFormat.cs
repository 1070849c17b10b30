namespace BatchBus.Host;

/// <summary>How the log is written.</summary>
public enum LogFormat
{
    /// <summary>Lines for people, on standard error.</summary>
    Text,

    /// <summary>One JSON object per line, on standard output, with batch, request and trace as properties.</summary>
    Json,
}
