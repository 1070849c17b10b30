using BatchBus.Storage.Requests;

namespace BatchBus.Api.Batches.Submit;

/// <summary>One request on its way into a batch, with where it goes.</summary>
/// <param name="Model">The model of the catalogue; null where it can be routed nowhere, and the request says why.</param>
/// <param name="YieldsToBatchStage">Whether a stage of the whole batch overrules that.</param>
/// <param name="Request">The request; its parameters are valid until the next is asked for.</param>
internal readonly record struct RoutedRequest(string? Model, bool YieldsToBatchStage, StoredRequest Request);
