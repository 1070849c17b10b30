using Microsoft.AspNetCore.Http;

namespace BatchBus.Simulator.Scripting;

/// <summary>What a caller gets over HTTP in the place of a reply.</summary>
internal static class SpoiledReply
{
    public static Task AnswerAsync(this SimulatedOutage outage, HttpContext context) =>
        outage.Status is not { } status ? ReferenceEquals(outage, SimulatedOutage.Reset) ? context.ResetAsync() : context.HangAsync()
        : outage.Body is { } body ? context.SendTextAsync(status, outage.ContentType, body)
        : context.SendPageAsync(status);

    /// <summary>Refuses a call that had no effect.</summary>
    public static Task RefuseAsync(this SimulatedFault fault, HttpContext context)
    {
        var status = fault.Status ?? StatusCodes.Status503ServiceUnavailable;
        return fault.Kind == SimulatedFaultKind.Reset ? context.ResetAsync()
            : fault.Message is { } body ? context.SendTextAsync(status, "text/html", body)
            : context.SendPageAsync(status);
    }

    /// <summary>Sends a reply as a fault of the exchange leaves it, or as it is where there is none.</summary>
    public static Task SendAsync(this SimulatedFault? fault, HttpContext context, JsonBody reply) => fault?.Kind switch
    {
        SimulatedFaultKind.LostReply => context.ResetAsync(),
        SimulatedFaultKind.NoReply => context.HangAsync(),
        SimulatedFaultKind.Html => context.SendTextAsync(200, "text/html", fault.Message ?? "<html><body><h1>Just a moment...</h1></body></html>"),
        SimulatedFaultKind.TruncatedJson => reply.SendHalfAsync(context),
        _ => reply.SendAsync(context),
    };
}
