using Refit;

namespace BatchBus.Cli.RunPod;

/// <summary>The part of RunPod's job interface that is used, which lives on a host of its own.</summary>
internal interface IJobsApi
{
    [Get("/v2/{id}/health")]
    Task<HttpResponseMessage> GetHealthAsync(string id, CancellationToken cancellationToken);
}
