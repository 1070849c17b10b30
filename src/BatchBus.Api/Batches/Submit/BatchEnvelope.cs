using BatchBus.Inference.Catalog;
using FluentValidation;

namespace BatchBus.Api.Batches.Submit;

/// <summary>What a create says besides its requests.</summary>
/// <param name="HasRequests">Whether <c>requests</c> was given.</param>
/// <param name="RequestCount">Number of its entries.</param>
/// <param name="Stage">The stage of the whole batch.</param>
/// <param name="ExpiresInSeconds">How long the batch may take.</param>
/// <param name="WebhookUrl">Who is to be told of its end.</param>
internal sealed record BatchEnvelope(bool HasRequests, int RequestCount, string? Stage, long? ExpiresInSeconds, string? WebhookUrl);

/// <summary>The rules of the envelope; the first that is broken is what the caller hears of.</summary>
internal sealed class BatchEnvelopeValidator : AbstractValidator<BatchEnvelope>
{
    public const long LongestWindow = 7 * 24 * 60 * 60;
    private const int LongestShown = 100;

    public BatchEnvelopeValidator(ModelCatalog catalog)
    {
        ClassLevelCascadeMode = CascadeMode.Stop;
        RuleFor(envelope => envelope.HasRequests)
            .Equal(true)
            .WithMessage("requests: Field required");
        RuleFor(envelope => envelope.RequestCount)
            .GreaterThan(0)
            .WithMessage("requests: List should have at least 1 item");
        RuleFor(envelope => envelope.Stage)
            .Must(stage => stage is null || catalog.HasStage(stage))
            .WithMessage(envelope => $"stage: unknown stage \"{Shown(envelope.Stage!)}\". Known stages: {string.Join(", ", catalog.Stages)}");
        RuleFor(envelope => envelope.ExpiresInSeconds)
            .InclusiveBetween(1, LongestWindow)
            .WithMessage($"expires_in_seconds: Input should be from 1 to {LongestWindow}");
    }

    private static string Shown(string stage) => stage.Length <= LongestShown ? stage : stage[..LongestShown] + "…";
}
