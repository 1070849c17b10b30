using System.Text.Json;

namespace BatchBus.Simulator.Chat;

/// <summary>A call that vLLM would refuse, with the error that it would answer.</summary>
internal sealed class ChatRejection(int status, string type, string message, string? parameter) : Exception(message)
{
    public int Status => status;

    public static ChatRejection BadRequest(string message, string? parameter = null) => new(400, "BadRequestError", message, parameter);

    public static ChatRejection NotFound(string message, string? parameter = null) => new(404, "NotFoundError", message, parameter);

    /// <summary>A failed validation of the body, in the words of the framework below vLLM.</summary>
    public static ChatRejection Invalid(string type, string location, string message) =>
        BadRequest($"[{{'type': '{type}', 'loc': ('body', '{location}'), 'msg': '{message}'}}]", location);

    /// <summary>An error of any status, as a scenario wants it.</summary>
    public static ChatRejection Of(int status, string message) =>
        new(status, status switch { 404 => "NotFoundError", 501 => "NotImplementedError", >= 500 => "InternalServerError", _ => "BadRequestError" }, message, null);

    /// <summary>Writes the form without an envelope that comes with HTTP 200.</summary>
    public void WriteFlat(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("object"u8, "error"u8);
        WriteMembers(writer);
        writer.WriteEndObject();
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("error");
        WriteMembers(writer);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void WriteMembers(Utf8JsonWriter writer)
    {
        writer.WriteString("message"u8, Message);
        writer.WriteString("type"u8, type);
        writer.WriteString("param"u8, parameter);
        writer.WriteNumber("code"u8, status);
    }
}
