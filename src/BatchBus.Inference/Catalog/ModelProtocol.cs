namespace BatchBus.Inference.Catalog;

/// <summary>How a model's endpoint is spoken to.</summary>
public enum ModelProtocol
{
    /// <summary>RunPod's job interface: submit with <c>/run</c>, then ask <c>/status</c> until the job is over.</summary>
    RunPodJobs = 1,

    /// <summary>One <c>/chat/completions</c> call that stays open until the answer is there.</summary>
    OpenAi = 2,
}
