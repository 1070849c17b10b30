using Refit;

namespace BatchBus.Inference.OpenAi;

/// <summary>The part of the OpenAI-style interface that is used. Replies come raw: a status alone says little about them.</summary>
internal interface IOpenAiApi
{
    [Post("/chat/completions")]
    Task<HttpResponseMessage> CompleteChatAsync([Body] HttpContent request, CancellationToken cancellationToken);

    [Get("/models")]
    Task<HttpResponseMessage> GetModelsAsync(CancellationToken cancellationToken);
}
