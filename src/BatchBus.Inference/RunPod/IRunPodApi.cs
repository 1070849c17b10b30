using Refit;

namespace BatchBus.Inference.RunPod;

/// <summary>The part of RunPod's job interface that is used. Replies come raw: a job that failed is HTTP 200, too.</summary>
internal interface IRunPodApi
{
    [Post("/run")]
    Task<HttpResponseMessage> RunAsync([Body] HttpContent job, CancellationToken cancellationToken);

    [Get("/status/{id}")]
    Task<HttpResponseMessage> GetStatusAsync(string id, CancellationToken cancellationToken);

    [Post("/cancel/{id}")]
    Task<HttpResponseMessage> CancelAsync(string id, CancellationToken cancellationToken);

    [Get("/health")]
    Task<HttpResponseMessage> GetHealthAsync(CancellationToken cancellationToken);
}
