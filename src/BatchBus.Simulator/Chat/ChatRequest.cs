using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace BatchBus.Simulator.Chat;

/// <summary>
/// The body of a chat completion, reduced to what its answer depends on, so that a job that waits to be fetched holds no prompt.
/// </summary>
internal sealed class ChatRequest
{
    // The chat template's marks around a message.
    private const int TokensPerMessage = 4;
    private const int MaxStopStrings = 4;

    // About what a vision model makes of a picture of ordinary size.
    private const int TokensPerImage = 576;

    // vLLM keeps the prompt cache in blocks of this many tokens.
    private const int CacheBlock = 16;

    private long? _maxTokens;
    private long? _maxCompletionTokens;
    private double? _temperature;
    private double? _topP;
    private bool _stream;
    private int _images;
    private int _toolCharacters;

    /// <summary>The asked-for model; null where the body names none.</summary>
    public string? Model { get; private set; }

    public ulong Key { get; private set; }

    /// <summary>The start of the last user message.</summary>
    public string Excerpt { get; private set; } = "";

    public SalesTopic Topic { get; private set; }

    public int PromptTokens { get; private set; }

    /// <summary>The part of the prompt that a server that saw this system message before would have cached.</summary>
    public int CachedTokens { get; private set; }

    public string[] Stop { get; private set; } = [];

    /// <summary>The tool call that the answer has to be; null for a text.</summary>
    public ToolCall? ToolCall { get; private set; }

    /// <summary>Those of the texts looked for that occur in the messages.</summary>
    public string[] Markers { get; private set; } = [];

    /// <summary>The limit that the caller set on the answer, in tokens.</summary>
    public int? MaxTokens => (int?)(_maxCompletionTokens ?? _maxTokens);

    /// <summary>Tokens of the answer as a share of <see cref="MaxTokens"/>; null for those of its text. Set when it is executed.</summary>
    public double? AnswerLength { get; set; }

    /// <exception cref="ChatRejection">The body is not a chat completion's.</exception>
    public static ChatRequest Read(in ReadOnlySequence<byte> json, params string[] markers)
    {
        var reader = new Utf8JsonReader(json);
        var request = new ChatRequest();
        try
        {
            request.ReadBody(ref reader, markers);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw ChatRejection.Invalid("json_invalid", "0", "JSON decode error");
        }

        return request;
    }

    /// <summary>Holds the request against what is served, and gives it the served model's name.</summary>
    public ChatRejection? Check(IReadOnlyList<string> models, int maxModelLength)
    {
        Model ??= models[0];
        if (!models.Contains(Model))
        {
            return ChatRejection.NotFound($"The model `{Model}` does not exist.", "model");
        }

        if (_stream)
        {
            return ChatRejection.BadRequest("The simulator does not stream: send stream false or leave it out.", "stream");
        }

        if (Stop.Length > MaxStopStrings)
        {
            return ChatRejection.BadRequest($"stop must have at most {MaxStopStrings} strings, got {Stop.Length}.", "stop");
        }

        if (_temperature < 0)
        {
            return ChatRejection.BadRequest(string.Create(CultureInfo.InvariantCulture, $"temperature must be non-negative, got {_temperature}."), "temperature");
        }

        if (_topP is <= 0 or > 1)
        {
            return ChatRejection.BadRequest(string.Create(CultureInfo.InvariantCulture, $"top_p must be in (0, 1], got {_topP}."), "top_p");
        }

        var wanted = _maxCompletionTokens ?? _maxTokens;
        if (wanted < 1)
        {
            return ChatRejection.BadRequest($"max_tokens must be at least 1, got {wanted}.", "max_tokens");
        }

        if (PromptTokens + (wanted ?? 1) > maxModelLength)
        {
            return ChatRejection.BadRequest(
                $"This model's maximum context length is {maxModelLength} tokens. However, you requested {wanted ?? 1} output tokens and your prompt contains at "
                + $"least {PromptTokens} input tokens, for a total of at least {PromptTokens + (wanted ?? 1)} tokens. Please reduce the length of the input prompt "
                + "or the number of requested output tokens.",
                "input_tokens");
        }

        return null;
    }

    private static long? ReadInteger(ref Utf8JsonReader reader, string name)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        return reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number)
            ? number
            : throw ChatRejection.Invalid("int_type", name, "Input should be a valid integer");
    }

    private static double? ReadNumber(ref Utf8JsonReader reader, string name)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.Null => null,
            JsonTokenType.Number => reader.GetDouble(),
            _ => throw ChatRejection.Invalid("float_type", name, "Input should be a valid number"),
        };
    }

    private static string ReadString(ref Utf8JsonReader reader, string name) =>
        reader.TokenType == JsonTokenType.String
            ? reader.GetString()!
            : throw ChatRejection.Invalid("string_type", name, "Input should be a valid string");

    private void ReadBody(ref Utf8JsonReader reader, string[] markers)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw ChatRejection.Invalid("model_attributes_type", "0", "Input should be a valid dictionary or object to extract fields from");
        }

        List<ChatMessage>? messages = null;
        JsonElement tools = default;
        JsonElement choice = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("messages"u8))
            {
                messages = ReadMessages(ref reader);
            }
            else if (reader.ValueTextEquals("model"u8))
            {
                reader.Read();
                Model = reader.TokenType == JsonTokenType.Null ? null : ReadString(ref reader, "model");
            }
            else if (reader.ValueTextEquals("max_tokens"u8))
            {
                _maxTokens = ReadInteger(ref reader, "max_tokens");
            }
            else if (reader.ValueTextEquals("max_completion_tokens"u8))
            {
                _maxCompletionTokens = ReadInteger(ref reader, "max_completion_tokens");
            }
            else if (reader.ValueTextEquals("temperature"u8))
            {
                _temperature = ReadNumber(ref reader, "temperature");
            }
            else if (reader.ValueTextEquals("top_p"u8))
            {
                _topP = ReadNumber(ref reader, "top_p");
            }
            else if (reader.ValueTextEquals("stop"u8))
            {
                Stop = ReadStop(ref reader);
            }
            else if (reader.ValueTextEquals("tools"u8))
            {
                var start = reader.BytesConsumed;
                tools = JsonElement.ParseValue(ref reader);
                _toolCharacters = (int)(reader.BytesConsumed - start);
            }
            else if (reader.ValueTextEquals("tool_choice"u8))
            {
                choice = JsonElement.ParseValue(ref reader);
            }
            else if (reader.ValueTextEquals("stream"u8))
            {
                reader.Read();
                _stream = reader.TokenType == JsonTokenType.True;
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }

        // Anything after the object makes the reader throw here.
        reader.Read();
        Take(messages ?? throw ChatRejection.Invalid("missing", "messages", "Field required"));
        ToolCall = ToolCall.Of(tools, choice);
        Markers = markers.Length == 0 ? [] : [.. markers.Where(marker => messages.Exists(message => message.Text.Contains(marker, StringComparison.Ordinal)))];
    }

    private static string[] ReadStop(ref Utf8JsonReader reader)
    {
        reader.Read();
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return [];
            case JsonTokenType.StartArray:
                var stop = new List<string>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    stop.Add(ReadString(ref reader, "stop"));
                }

                return [.. stop];
            default:
                return [ReadString(ref reader, "stop")];
        }
    }

    private List<ChatMessage> ReadMessages(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw ChatRejection.Invalid("list_type", "messages", "Input should be a valid list");
        }

        var messages = new List<ChatMessage>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            messages.Add(ReadMessage(ref reader));
        }

        return messages.Count > 0 ? messages : throw ChatRejection.Invalid("too_short", "messages", "List should have at least 1 item");
    }

    private ChatMessage ReadMessage(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw ChatRejection.Invalid("dict_type", "messages", "Input should be a valid dictionary");
        }

        string? role = null;
        var text = "";
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("role"u8))
            {
                reader.Read();
                role = KnownRole(ref reader) ?? ReadString(ref reader, "messages");
            }
            else if (reader.ValueTextEquals("content"u8))
            {
                reader.Read();
                text = ReadContent(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        return new ChatMessage(role ?? throw ChatRejection.Invalid("missing", "messages", "Field required: role"), text);
    }

    private static string? KnownRole(ref Utf8JsonReader reader) =>
        reader.TokenType != JsonTokenType.String ? null
        : reader.ValueTextEquals("user"u8) ? "user"
        : reader.ValueTextEquals("system"u8) ? "system"
        : reader.ValueTextEquals("assistant"u8) ? "assistant"
        : null;

    private string ReadContent(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return "";
            case JsonTokenType.StartArray:
                var texts = new List<string>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    if (ReadPart(ref reader) is { } text)
                    {
                        texts.Add(text);
                    }
                }

                return string.Join('\n', texts);
            default:
                return ReadString(ref reader, "messages");
        }
    }

    /// <returns>Null for an image, which has no text.</returns>
    private string? ReadPart(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw ChatRejection.Invalid("dict_type", "messages", "Input should be a valid dictionary");
        }

        string? type = null;
        var text = "";
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                type = ReadString(ref reader, "messages");
            }
            else if (reader.ValueTextEquals("text"u8))
            {
                reader.Read();
                text = ReadString(ref reader, "messages");
            }
            else
            {
                reader.Skip();
            }
        }

        if (type == "image_url")
        {
            _images++;
            return null;
        }

        return type == "text" ? text : throw ChatRejection.BadRequest($"This model takes text and images: a part of type '{type}' is not supported.", "messages");
    }

    private void Take(List<ChatMessage> messages)
    {
        var user = SimulatedAnswer.LastUserText(messages);
        var system = messages[0].Role == "system" ? messages[0].Text : "";
        Key = SimulatedAnswer.KeyOf(messages);
        Excerpt = SimulatedAnswer.Excerpt(user);
        Topic = SalesProse.TopicOf(system, user);
        foreach (var message in messages)
        {
            PromptTokens += SimulatedAnswer.TokensOf(message.Text) + TokensPerMessage;
        }

        PromptTokens += (_images * TokensPerImage) + SimulatedAnswer.TokensIn(_toolCharacters);
        CachedTokens = SimulatedAnswer.TokensOf(system) / CacheBlock * CacheBlock;
    }
}
