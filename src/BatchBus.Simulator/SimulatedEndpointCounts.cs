namespace BatchBus.Simulator;

/// <summary>What reached one endpoint since the server started, and how it stands now.</summary>
/// <param name="Runs">Calls of <c>/run</c>, refused ones included, as in all that follow.</param>
/// <param name="Statuses">Calls of <c>/status</c>.</param>
/// <param name="Cancels">Calls of <c>/cancel</c>.</param>
/// <param name="Chats">Chat completions in the OpenAI style.</param>
/// <param name="RateLimited">Calls that were answered 429 because of the rate limits.</param>
/// <param name="Refused">Calls that met an outage.</param>
/// <param name="Faults">Calls that a fault spoiled, and calls that a dead worker failed.</param>
/// <param name="InQueue">Jobs and chats that wait for a worker now.</param>
/// <param name="Running">Jobs and chats that run now.</param>
public readonly record struct SimulatedEndpointCounts(
    int Runs, int Statuses, int Cancels, int Chats, int RateLimited, int Refused, int Faults, int InQueue, int Running);
