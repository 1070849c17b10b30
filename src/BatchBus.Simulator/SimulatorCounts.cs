namespace BatchBus.Simulator;

/// <summary>The log in numbers.</summary>
/// <param name="Total">Calls that arrived.</param>
/// <param name="DistinctKeys">Different requests among them.</param>
/// <param name="RepeatedKeys">Requests that arrived more than once.</param>
/// <param name="Open">Calls that wait or run now.</param>
/// <param name="MaxOpen">The most calls that were open at once.</param>
public readonly record struct SimulatorCounts(int Total, int DistinctKeys, int RepeatedKeys, int Open, int MaxOpen);
