namespace BatchBus.Simulator;

/// <summary>By which protocol a call came.</summary>
public enum SimulatedProtocol : byte
{
    /// <summary><c>POST …/v1/chat/completions</c>.</summary>
    OpenAi,

    /// <summary>A job: <c>POST /v2/{endpoint}/run</c>.</summary>
    RunPodJobs,
}
