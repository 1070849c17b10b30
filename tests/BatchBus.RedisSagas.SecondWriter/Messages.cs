namespace BatchBus.RedisSagas.SecondWriter;

/// <summary>Starts a tally. A held message waits in its behaviour, after the saga was read, until the test lets it go on.</summary>
public sealed record StartTally(Guid CorrelationId, bool Held = false);

/// <summary>Adds one; answered with <see cref="TallyChanged"/> once that is stored.</summary>
public sealed record AddToTally(Guid CorrelationId, bool Held = false);

/// <summary>Ends the tally; answered with <see cref="TallyChanged"/> once it is gone.</summary>
public sealed record CompleteTally(Guid CorrelationId, bool Held = false);

/// <summary>Reads the tally; answered with <see cref="TallyChanged"/>.</summary>
public sealed record ReadTally(Guid CorrelationId);

/// <summary>The answer to every message of a tally.</summary>
public sealed record TallyChanged(Guid CorrelationId, int Total, int Starts);
