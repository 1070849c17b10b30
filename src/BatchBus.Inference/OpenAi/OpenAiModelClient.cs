using System.Text.Json;
using BatchBus.Inference.Calls;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Errors;
using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.OpenAi;

internal sealed class OpenAiModelClient(IOpenAiApi api, ModelEndpoint endpoint, CatalogModel model, TimeProvider timeProvider) : IModelClient
{
    private static readonly TimeSpan CheckTimeout = TimeSpan.FromSeconds(5);

    public async Task<InferenceOutcome> CompleteAsync(ModelCall call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!MessagesParamsReader.TryRead(call.Parameters, model, out var request, out var refusal))
        {
            return refusal;
        }

        var body = ChatRequestWriter.Write(request, model, endpoint.ServedModel);
        var started = timeProvider.GetTimestamp();
        using var content = new CallBody(body, call.MayBegin);
        var (reply, failure) = await HttpExchange.SendAsync(api.CompleteChatAsync, content, model.RequestTimeout, timeProvider, cancellationToken);
        if (reply is null)
        {
            return failure!;
        }

        return reply.IsSuccess
            ? Read(reply.Body, request, timeProvider.GetElapsedTime(started))
            : EndpointFailure.FromReply(reply.Status, reply.Body, reply.RetryAfter);
    }

    /// <summary>There are no jobs here: a call ends with its connection.</summary>
    public Task CancelAsync(string job, CancellationToken cancellationToken) => Task.CompletedTask;

    // Not every server knows the path: any answer but a server error, or one to a key that is still wrong, says that somebody is there.
    public async Task<EndpointStatus?> CheckAsync(CancellationToken cancellationToken)
    {
        var (reply, _) = await HttpExchange.SendAsync(api.GetModelsAsync, CheckTimeout, timeProvider, cancellationToken);
        return reply is { Status: < 500 and not (401 or 402 or 403) } ? new EndpointStatus(Running: 1, Ready: 1, Starting: 0, Waiting: 0) : null;
    }

    public void ShareWith(int workers)
    {
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
