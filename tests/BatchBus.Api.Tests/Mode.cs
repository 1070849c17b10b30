namespace BatchBus.Api.Tests;

/// <summary>On which servers BatchBus runs in a test.</summary>
public enum Mode
{
    /// <summary>Everything in its own process.</summary>
    Embedded,

    /// <summary>A real RabbitMQ and a real Redis.</summary>
    Real,
}
