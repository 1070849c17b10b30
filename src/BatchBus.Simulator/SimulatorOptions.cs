namespace BatchBus.Simulator;

/// <summary>What a <see cref="SimulatorServer"/> serves and how fast it answers.</summary>
public sealed class SimulatorOptions
{
    /// <summary>Where the server listens; port 0 takes a free one.</summary>
    /// <value>Default: <c>http://127.0.0.1:0</c>.</value>
    public string Url { get; set; } = "http://127.0.0.1:0";

    /// <summary>The key that both protocols demand as <c>Authorization: Bearer</c>; <c>/simulator/…</c> stays open.</summary>
    /// <value>Default: null, no key is demanded.</value>
    public string? ApiKey { get; set; }

    /// <summary>How long a call takes once it runs; see <see cref="SimulatorServer.Latency"/> for changes at run time.</summary>
    /// <value>Default: no wait.</value>
    public SimulatedLatency Latency { get; set; }

    /// <summary>Makes the latency of a call a function of this seed and of its messages, whatever the order of arrival.</summary>
    /// <value>Default: null, every call draws anew.</value>
    public int? Seed { get; set; }

    /// <summary>How many calls run at once over both protocols; further ones wait in order of arrival and are not refused.</summary>
    /// <value>Default: null, no limit.</value>
    public int? MaxConcurrency { get; set; }

    /// <summary>The served model names. A call for another one is answered with vLLM's 404; a call without one gets the first.</summary>
    /// <value>Default: <c>mistral-7b</c> and <c>llama-70b</c>.</value>
    public IReadOnlyList<string> Models { get; set; } = ["mistral-7b", "llama-70b"];

    /// <summary>Tokens that prompt and answer may have together; a call that asks for more is answered with vLLM's 400.</summary>
    /// <value>Default: 32,768.</value>
    public int MaxModelLength { get; set; } = 32_768;

    /// <summary>The clock of latencies, of the log and of the expiry of job results.</summary>
    /// <value>Default: <see cref="TimeProvider.System"/>.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;
}
