using System.Text.Json;
using BatchBus.Inference.Calls;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Errors;
using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.OpenAi;

internal sealed class OpenAiModelClient(IOpenAiApi api, CatalogModel model, TimeProvider timeProvider) : IModelClient
{
    public async Task<InferenceOutcome> CompleteAsync(ReadOnlyMemory<byte> parameters, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!MessagesParamsReader.TryRead(parameters, model, out var request, out var refusal))
        {
            return refusal;
        }

        var body = ChatRequestWriter.Write(request, model, parameters.Length);
        var started = timeProvider.GetTimestamp();
        var (reply, failure) = await HttpExchange.SendAsync(
            token => api.CompleteChatAsync(JsonBody.Of(body), token), model.RequestTimeout, timeProvider, cancellationToken);
        if (reply is null)
        {
            return failure!;
        }

        return reply.IsSuccess
            ? Read(reply.Body, request, timeProvider.GetElapsedTime(started))
            : EndpointFailure.FromReply(reply.Status, reply.Body, reply.RetryAfter);
    }

    private InferenceOutcome Read(ReadOnlyMemory<byte> body, ChatRequest request, TimeSpan executionTime)
    {
        try
        {
            using var completion = JsonDocument.Parse(body);
            return ChatCompletionReader.Read(completion.RootElement, model, request, executionTime);
        }
        catch (JsonException)
        {
            return EndpointFailure.UnusableReply("the reply is no JSON");
        }
    }
}
