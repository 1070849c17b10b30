using System.Runtime.Serialization;
using System.Text.Json;
using BatchBus.Contracts;
using MassTransit;
using Microsoft.Extensions.Logging;

namespace BatchBus.Api.Batches.Submit;

/// <summary>Rejects what arrives on the queue and is not a <see cref="SubmitBatch"/>: the sender hears why, where it can be told, and nothing is kept.</summary>
internal sealed partial class MalformedSubmission(SubmissionAnswers answers, ILogger<MalformedSubmission> logger) : IFilter<ExceptionReceiveContext>
{
    public async Task Send(ExceptionReceiveContext context, IPipe<ExceptionReceiveContext> next)
    {
        if (!IsMalformed(context.Exception))
        {
            await next.Send(context);
            return;
        }

        // Otherwise the message would count as not consumed, and be kept in submit-batch_skipped.
        await context.NotifyFaulted(context.Exception);
        var envelope = Envelope(context.Body.GetBytes());
        var address = Uri.TryCreate(Text(envelope, "responseAddress"), UriKind.Absolute, out var given) ? given : null;
        Log.Rejected(logger, context.Body.Length ?? 0, address is not null);
        if (address is not null)
        {
            var rejected = new BatchRejected
            {
                SubmissionId = Guid.TryParse(Text(Member(envelope, "message"), "submissionId"), out var submission) ? submission : Guid.Empty,
                ErrorType = "invalid_request_error",
                Message = "The message is not a SubmitBatch: submissionId should be a GUID, requests a list of objects, stage and webhookUrl strings, expiresInSeconds an integer.",
            };
            await answers.TrySendAsync(
                address, Guid.TryParse(Text(envelope, "requestId"), out var request) ? request : null, rejected, context.CancellationToken);
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("malformedSubmission");

    private static bool IsMalformed(Exception? error)
        => error is SerializationException or JsonException || (error is not null && IsMalformed(error.InnerException));

    private static JsonElement? Envelope(byte[] body)
    {
        try
        {
            return JsonElement.Parse(body);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonElement? Member(JsonElement? from, string name)
        => from is { ValueKind: JsonValueKind.Object } json && json.TryGetProperty(name, out var value) ? value : null;

    private static string? Text(JsonElement? from, string name) => Member(from, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "A message of {Bytes} bytes on submit-batch is no SubmitBatch and is rejected; it says where to answer: {HasAddress}")]
        public static partial void Rejected(ILogger logger, long bytes, bool hasAddress);
    }
}
