using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;
using BatchBus.Api.Errors;

namespace BatchBus.Api.Batches.Submit;

/// <summary>Reads one entry of <c>requests</c>. Only what the envelope promises is checked: what is in <c>params</c> is the model's affair.</summary>
internal static class SubmittedRequestReader
{
    public const int MaxCustomIdLength = 64;

    private static readonly SearchValues<char> CustomIdCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    public static SubmittedRequest Read(ReadOnlyMemory<byte> entry, int index)
    {
        if (!Utf8.IsValid(entry.Span))
        {
            throw Invalid(index, "", "the text is not valid UTF-8. Encode the body as UTF-8.");
        }

        try
        {
            return ReadEntry(entry, index);
        }
        catch (InvalidOperationException)
        {
            throw Invalid(index, "", "an escape such as \\ud800 stands for no character. Escape characters whole.");
        }
    }

    private static SubmittedRequest ReadEntry(ReadOnlyMemory<byte> entry, int index)
    {
        var reader = new Utf8JsonReader(entry.Span, new JsonReaderOptions { MaxDepth = BatchBodyReader.MaxDepth });
        reader.Read();
        if (reader.TokenType is not JsonTokenType.StartObject)
        {
            throw Invalid(index, "", "Input should be an object with custom_id and params.");
        }

        string? customId = null;
        ReadOnlyMemory<byte>? parameters = null;
        Metadata own = default;
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("custom_id"u8))
            {
                Once(customId is null, index, "custom_id");
                reader.Read();
                customId = ReadCustomId(ref reader, index);
            }
            else if (reader.ValueTextEquals("params"u8))
            {
                Once(parameters is null, index, "params");
                reader.Read();
                if (reader.TokenType is not JsonTokenType.StartObject)
                {
                    throw Invalid(index, ".params", "Input should be an object: the body of a POST /v1/messages.");
                }

                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                parameters = entry[start..(int)reader.BytesConsumed];
            }
            else if (reader.ValueTextEquals("metadata"u8))
            {
                reader.Read();
                own = ReadMetadata(ref reader);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        if (customId is null)
        {
            throw Invalid(index, ".custom_id", "Field required");
        }

        if (parameters is null)
        {
            throw Invalid(index, ".params", "Field required");
        }

        var nested = ReadRouting(parameters.Value.Span);
        return new SubmittedRequest(customId, own.ModelHint ?? nested.ModelHint, own.Stage ?? nested.Stage, nested.Model, parameters.Value);
    }

    private static string ReadCustomId(ref Utf8JsonReader reader, int index)
    {
        if (reader.TokenType is not JsonTokenType.String)
        {
            throw Invalid(index, ".custom_id", "Input should be a valid string");
        }

        var customId = reader.GetString()!;
        if (customId.Length > MaxCustomIdLength)
        {
            throw Invalid(index, ".custom_id", "String should have at most 64 characters");
        }

        return customId.Length > 0 && !customId.AsSpan().ContainsAnyExcept(CustomIdCharacters)
            ? customId
            : throw Invalid(index, ".custom_id", "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'");
    }

    /// <summary>What the params say of where the request goes.</summary>
    public static (string? ModelHint, string? Stage, string? Model) ReadRouting(ReadOnlySpan<byte> parameters)
    {
        string? model = null;
        Metadata metadata = default;
        var reader = new Utf8JsonReader(parameters, new JsonReaderOptions { MaxDepth = BatchBodyReader.MaxDepth });
        reader.Read();
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("model"u8))
            {
                reader.Read();
                model = ReadName(ref reader);
            }
            else if (reader.ValueTextEquals("metadata"u8))
            {
                reader.Read();
                metadata = ReadMetadata(ref reader);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return (metadata.ModelHint, metadata.Stage, model);
    }

    private static Metadata ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not JsonTokenType.StartObject)
        {
            reader.Skip();
            return default;
        }

        Metadata metadata = default;
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            var (isHint, isStage) = (reader.ValueTextEquals("model_hint"u8), reader.ValueTextEquals("stage"u8));
            reader.Read();
            if (isHint)
            {
                metadata = metadata with { ModelHint = ReadName(ref reader) };
            }
            else if (isStage)
            {
                metadata = metadata with { Stage = ReadName(ref reader) };
            }
            else
            {
                reader.Skip();
            }
        }

        return metadata;
    }

    /// <summary>A name that routes; null counts as absent, and what is no text names nothing that exists.</summary>
    private static string? ReadName(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                return reader.GetString();
            case JsonTokenType.Null:
                return null;
            default:
                var type = reader.TokenType;
                reader.Skip();
                return $"({type})";
        }
    }

    private static void Once(bool first, int index, string field)
    {
        if (!first)
        {
            throw Invalid(index, $".{field}", "given twice. Give it once.");
        }
    }

    private static ApiException Invalid(int index, string field, string message)
        => ApiException.InvalidRequest(string.Create(CultureInfo.InvariantCulture, $"requests.{index}{field}: {message}"));

    private readonly record struct Metadata(string? ModelHint, string? Stage);
}
