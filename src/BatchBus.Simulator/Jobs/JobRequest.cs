using System.Buffers;
using System.Text.Json;

namespace BatchBus.Simulator.Jobs;

/// <summary>The body of <c>/run</c>.</summary>
internal sealed class JobRequest
{
    private static readonly TimeSpan DefaultExecutionTimeout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan DefaultTtl = TimeSpan.FromHours(24);

    private JobRequest()
    {
    }

    public string Route { get; private set; } = "/v1/chat/completions";

    /// <summary>The body for the route; null where the input has none.</summary>
    public ReadOnlySequence<byte>? OpenAiInput { get; private set; }

    public TimeSpan ExecutionTimeout { get; private set; } = DefaultExecutionTimeout;

    public TimeSpan Ttl { get; private set; } = DefaultTtl;

    /// <returns>Null for what RunPod answers with a 400: no JSON object, or one without an <c>input</c> object.</returns>
    public static JobRequest? Read(in ReadOnlySequence<byte> json)
    {
        var request = new JobRequest();
        try
        {
            var reader = new Utf8JsonReader(json);
            return request.ReadBody(ref reader, json) ? request : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private bool ReadBody(ref Utf8JsonReader reader, in ReadOnlySequence<byte> json)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        var hasInput = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("input"u8))
            {
                reader.Read();
                hasInput = reader.TokenType == JsonTokenType.StartObject;
                ReadInput(ref reader, json);
            }
            else if (reader.ValueTextEquals("policy"u8))
            {
                reader.Read();
                ReadPolicy(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        reader.Read();
        return hasInput;
    }

    private void ReadInput(ref Utf8JsonReader reader, in ReadOnlySequence<byte> json)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("openai_route"u8))
            {
                reader.Read();
                Route = reader.GetString() ?? Route;
            }
            else if (reader.ValueTextEquals("openai_input"u8))
            {
                reader.Read();
                var start = reader.TokenStartIndex;
                reader.Skip();
                OpenAiInput = json.Slice(start, reader.BytesConsumed - start);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void ReadPolicy(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("executionTimeout"u8))
            {
                reader.Read();
                ExecutionTimeout = TimeSpan.FromMilliseconds(reader.GetInt32());
            }
            else if (reader.ValueTextEquals("ttl"u8))
            {
                reader.Read();
                Ttl = TimeSpan.FromMilliseconds(reader.GetInt32());
            }
            else
            {
                reader.Skip();
            }
        }
    }
}
