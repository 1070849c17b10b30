namespace BatchBus.Simulator;

/// <summary>The operations of an endpoint that faults and rate limits tell apart.</summary>
public enum SimulatedOperation : byte
{
    /// <summary><c>/run</c>; for faults also a chat completion of the OpenAI style.</summary>
    Run,

    /// <summary><c>/status/{id}</c>; for rate limits also every call of the OpenAI style, as RunPod counts them.</summary>
    Status,

    /// <summary><c>/cancel/{id}</c>.</summary>
    Cancel,
}
