namespace BatchBus.Inference;

/// <summary>Why a model endpoint gave no answer. What follows from each is in <see cref="InferenceErrors"/>.</summary>
public enum InferenceError
{
    /// <summary>HTTP 429: more calls than the endpoint allows.</summary>
    RateLimited = 1,

    /// <summary>No answer within the time allowed: ours, the gateway's (408, 504, 522, 524) or the job's (TIMED_OUT).</summary>
    Timeout = 2,

    /// <summary>No connection: refused, not resolved, no TLS, or not open in time. Nothing was sent.</summary>
    Unreachable = 3,

    /// <summary>The connection broke after something was sent; the model may have run.</summary>
    ConnectionLost = 4,

    /// <summary>HTTP 500 and other server errors, from the endpoint or from the model server behind it.</summary>
    ServerError = 5,

    /// <summary>HTTP 502, 503, 529 and the gateway's own 52x: nobody behind the gateway can answer now.</summary>
    Unavailable = 6,

    /// <summary>A reply that is no answer of a model server: HTML, cut JSON, another object.</summary>
    UnusableReply = 7,

    /// <summary>A FAILED job for a reason of the worker's own, such as an exception in its handler.</summary>
    JobFailed = 8,

    /// <summary>A job that disappeared: canceled by somebody else, or unknown to the endpoint some time after it was submitted.</summary>
    JobLost = 9,

    /// <summary>The worker's model server is dead. Such a worker goes on taking jobs and fails each one.</summary>
    EngineDown = 10,

    /// <summary>HTTP 401, 402, 403: the key is wrong, restricted or out of funds.</summary>
    Unauthorized = 11,

    /// <summary>The endpoint does not speak the protocol: a wrong address or endpoint id.</summary>
    Misconfigured = 12,

    /// <summary>A completion that is of no use: no choice, a generation that was not finished, a tool call that cannot be read.</summary>
    InvalidAnswer = 13,

    /// <summary>The model cannot answer this request; told as <see cref="InferenceOutcome.Refused"/>, with the field and the remedy.</summary>
    Refused = 14,

    /// <summary>A model server answers, but serves no model of the name that it is asked for.</summary>
    UnknownModel = 15,
}
