using Refit;

namespace BatchBus.Cli.RunPod;

/// <summary>The part of RunPod's management API v2 that is used. Replies come raw, because their errors are told apart by status.</summary>
internal interface IManagementApi
{
    [Get("/v2/serverless")]
    Task<HttpResponseMessage> ListAsync(CancellationToken cancellationToken);

    [Post("/v2/serverless")]
    Task<HttpResponseMessage> CreateAsync([Body] HttpContent endpoint, CancellationToken cancellationToken);

    [Patch("/v2/serverless/{id}")]
    Task<HttpResponseMessage> UpdateAsync(string id, [Body] HttpContent changes, CancellationToken cancellationToken);

    [Delete("/v2/serverless/{id}")]
    Task<HttpResponseMessage> DeleteAsync(string id, CancellationToken cancellationToken);

    [Get("/v2/serverless/{id}/workers")]
    Task<HttpResponseMessage> ListWorkersAsync(string id, CancellationToken cancellationToken);
}
