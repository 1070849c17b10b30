namespace BatchBus.Simulator;

/// <summary>A rule that spoils some of an endpoint's calls; of several rules, the first that applies to a call is taken.</summary>
/// <param name="Kind">What goes wrong.</param>
public sealed record SimulatedFault(SimulatedFaultKind Kind)
{
    /// <summary>The operation whose calls are spoiled; for others than <see cref="SimulatedOperation.Run"/>, the kind is one of the first six.</summary>
    /// <value>Default: <see cref="SimulatedOperation.Run"/>, which includes chat completions.</value>
    public SimulatedOperation On { get; init; }

    /// <summary>How many calls are spoiled before the rule is used up.</summary>
    /// <value>Default: null, no end.</value>
    public int? Times { get; init; }

    /// <summary>The share of calls, from 0 to 1, that is spoiled.</summary>
    /// <value>Default: 1.</value>
    public double Probability { get; init; } = 1;

    /// <summary>Decides which calls, counted in their order of arrival, the probability hits.</summary>
    /// <value>Default: 0.</value>
    public int Seed { get; init; }

    /// <summary>Only calls are spoiled in whose messages this text occurs; for <see cref="SimulatedOperation.Run"/> only.</summary>
    /// <value>Default: null, all calls.</value>
    public string? Marker { get; init; }

    /// <summary>The status of <see cref="SimulatedFaultKind.HttpStatus"/> and <see cref="SimulatedFaultKind.VllmError"/>.</summary>
    /// <value>Default: null, 503 and 500.</value>
    public int? Status { get; init; }

    /// <summary>The text of the error, or the body of <see cref="SimulatedFaultKind.HttpStatus"/> and <see cref="SimulatedFaultKind.Html"/>.</summary>
    /// <value>Default: null, one that fits the kind.</value>
    public string? Message { get; init; }

    internal bool IsOfTransport => Kind <= SimulatedFaultKind.TruncatedJson;

    /// <summary>Whether the call is refused before it reaches a model.</summary>
    internal bool IsRefusal => Kind is SimulatedFaultKind.HttpStatus or SimulatedFaultKind.Reset;

    /// <summary>Whether a chat completion of the OpenAI style fails by it.</summary>
    internal bool SpoilsChats => Kind is not (SimulatedFaultKind.ExecutedTwice or SimulatedFaultKind.StatusBackwards or SimulatedFaultKind.LostResult);

    /// <summary>Whether a job fails by it, be its status COMPLETED or not.</summary>
    internal bool SpoilsJobs => !IsOfTransport && Kind is not (SimulatedFaultKind.ExecutedTwice or SimulatedFaultKind.StatusBackwards);

    internal void Validate()
    {
        if (!Enum.IsDefined(Kind) || !Enum.IsDefined(On))
        {
            throw new ArgumentException("The kind or the operation of a fault is none of those that exist.");
        }

        if (On != SimulatedOperation.Run && (!IsOfTransport || Marker is not null))
        {
            throw new ArgumentException($"{Kind} on {On} is not possible: only the exchange itself can be spoiled there, and there is no prompt to look for a marker in.");
        }

        if (!(Probability is >= 0 and <= 1))
        {
            throw new ArgumentException("The probability of a fault is a number from 0 to 1.");
        }

        if (Times < 0 || Marker is "" || Status is < 200 or > 599)
        {
            throw new ArgumentException("A fault has times from 0 up, a marker that is not empty and a status from 200 to 599.");
        }
    }
}
