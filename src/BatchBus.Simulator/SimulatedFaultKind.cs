namespace BatchBus.Simulator;

/// <summary>
/// What goes wrong with one call. The first six spoil the exchange over HTTP and are possible for every operation; the others
/// spoil the execution: what a job then says, and what a chat completion of the OpenAI style answers.
/// </summary>
public enum SimulatedFaultKind : byte
{
    /// <summary>Refused with an HTTP status (<see cref="SimulatedFault.Status"/>, default 503) before anything happened.</summary>
    HttpStatus,

    /// <summary>The connection is reset before anything happened.</summary>
    Reset,

    /// <summary>The call has its effect (the job is queued, the chat executed, the job canceled), but the connection is reset instead of the reply.</summary>
    LostReply,

    /// <summary>The call has its effect, but never a reply; the connection stays open.</summary>
    NoReply,

    /// <summary>The call has its effect, and its reply is HTTP 200 with an HTML page.</summary>
    Html,

    /// <summary>The call has its effect, and its reply is HTTP 200 with the first half of the JSON.</summary>
    TruncatedJson,

    /// <summary>An error object in the place of the completion: in a job's <c>output</c> while it is COMPLETED, or with HTTP 200.</summary>
    ErrorObject,

    /// <summary>vLLM answers with an HTTP error (<see cref="SimulatedFault.Status"/>, default 500): FAILED with it as a Python dictionary.</summary>
    VllmError,

    /// <summary>FAILED with the plain text <c>handler: … traceback: …</c>; a chat gets a 500 without JSON.</summary>
    Traceback,

    /// <summary>FAILED with a JSON text that holds <c>error_type</c> and <c>error_traceback</c>; a chat gets a 500 without JSON.</summary>
    WorkerException,

    /// <summary>A completion whose list of choices is empty.</summary>
    EmptyChoices,

    /// <summary>A completion with a tool call whose arguments are no JSON.</summary>
    InvalidToolArguments,

    /// <summary>TIMED_OUT; a chat gets a gateway's 504.</summary>
    TimedOut,

    /// <summary>CANCELLED, though its owner did not ask for it; the connection of a chat is reset.</summary>
    Cancelled,

    /// <summary>The job is executed and lost by its worker, returns to the queue and is executed again: <c>retries</c> is 1. A chat is executed once.</summary>
    ExecutedTwice,

    /// <summary>The job or chat runs for ever, whatever its policy says, until it is canceled or its caller gives up; a job's <c>ttl</c> forgets it.</summary>
    Hang,

    /// <summary>The job says IN_QUEUE after IN_PROGRESS, and both once more after it ended; never after an ending was told. A chat is not affected.</summary>
    StatusBackwards,

    /// <summary>The job ends and its result is gone at once: its status is a 404. A chat is not affected.</summary>
    LostResult,
}
