namespace BatchBus.Simulator;

/// <summary>What became of a call.</summary>
public enum SimulatedOutcome : byte
{
    /// <summary>It still waits or runs.</summary>
    Open,

    /// <summary>It was answered.</summary>
    Completed,

    /// <summary>Its connection broke before the answer, its job was canceled, or the server stopped.</summary>
    Canceled,

    /// <summary>It was answered with an error, or its job timed out.</summary>
    Failed,
}
