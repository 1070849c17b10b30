using System.Text.Json;
using BatchBus.Inference.Catalog;

namespace BatchBus.Inference.Mapping;

/// <summary>Writes the chat-completions request, alone or as the input of a RunPod job.</summary>
internal static class ChatRequestWriter
{
    /// <param name="request">The request.</param>
    /// <param name="model">The model that gets it.</param>
    /// <param name="servedModel">The name that the endpoint knows the model by.</param>
    public static ReadOnlyMemory<byte> Write(ChatRequest request, CatalogModel model, string servedModel)
        => CompactJson.Write((request, model, servedModel), static (writer, call) => WriteRequest(writer, call.request, call.model, call.servedModel));

    /// <param name="request">The request.</param>
    /// <param name="model">The model that gets it.</param>
    /// <param name="servedModel">The name that the endpoint knows the model by.</param>
    /// <param name="executionTimeout">Longest that the job may be executed.</param>
    /// <param name="timeToLive">After which the job is forgotten, whatever its state: bounds what an orphan can cost.</param>
    public static ReadOnlyMemory<byte> WriteJob(ChatRequest request, CatalogModel model, string servedModel, TimeSpan executionTimeout, TimeSpan timeToLive)
        => CompactJson.Write((request, model, servedModel, executionTimeout, timeToLive), static (writer, job) =>
        {
            writer.WriteStartObject();
            writer.WriteStartObject("input"u8);
            writer.WriteString("openai_route"u8, "/v1/chat/completions"u8);
            writer.WritePropertyName("openai_input"u8);
            WriteRequest(writer, job.request, job.model, job.servedModel);
            writer.WriteEndObject();
            writer.WriteStartObject("policy"u8);
            writer.WriteNumber("executionTimeout"u8, (long)job.executionTimeout.TotalMilliseconds);
            writer.WriteNumber("ttl"u8, (long)job.timeToLive.TotalMilliseconds);
            writer.WriteEndObject();
            writer.WriteEndObject();
        });

    private static void WriteRequest(Utf8JsonWriter writer, ChatRequest request, CatalogModel model, string servedModel)
    {
        writer.WriteStartObject();
        writer.WriteString("model"u8, servedModel);
        ChatMessagesWriter.Write(writer, request, model);
        WriteSampling(writer, request);
        if (request.Tools.Count > 0)
        {
            WriteTools(writer, request);
        }

        if (request.OutputSchema is { } schema)
        {
            writer.WriteStartObject("response_format"u8);
            writer.WriteString("type"u8, "json_schema"u8);
            writer.WriteStartObject("json_schema"u8);
            writer.WriteString("name"u8, "output"u8);
            WriteRaw(writer, "schema"u8, schema);
            writer.WriteBoolean("strict"u8, true);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        if (request.User is { } user)
        {
            writer.WriteString("user"u8, user);
        }

        if (request.ContinuesLastTurn)
        {
            writer.WriteBoolean("continue_final_message"u8, true);
            writer.WriteBoolean("add_generation_prompt"u8, false);
        }

        writer.WriteEndObject();
    }

    private static void WriteSampling(Utf8JsonWriter writer, ChatRequest request)
    {
        writer.WriteNumber("max_tokens"u8, request.MaxTokens);
        writer.WriteNumber("temperature"u8, request.Temperature);

        // The API's least top_p leaves the likeliest token; model servers refuse a zero and say it with top_k.
        var (topP, topK) = request.TopP == 0 ? (null, 1) : (request.TopP, request.TopK);
        if (topP is { } mass)
        {
            writer.WriteNumber("top_p"u8, mass);
        }

        if (topK is { } count)
        {
            writer.WriteNumber("top_k"u8, count);
        }

        if (request.StopSequences.Count > 0)
        {
            writer.WriteStartArray("stop"u8);
            foreach (var sequence in request.StopSequences)
            {
                writer.WriteStringValue(sequence);
            }

            writer.WriteEndArray();
        }
    }

    private static void WriteTools(Utf8JsonWriter writer, ChatRequest request)
    {
        writer.WriteStartArray("tools"u8);
        foreach (var tool in request.Tools)
        {
            writer.WriteStartObject();
            writer.WriteString("type"u8, "function"u8);
            writer.WriteStartObject("function"u8);
            writer.WriteString("name"u8, tool.Name);
            if (tool.Description is { } description)
            {
                writer.WriteString("description"u8, description);
            }

            WriteRaw(writer, "parameters"u8, tool.Schema);
            if (tool.IsStrict)
            {
                writer.WriteBoolean("strict"u8, true);
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        if (request.ToolChoice is { } choice)
        {
            writer.WriteString("tool_choice"u8, choice);
        }
        else if (request.ForcedTool is { } forced)
        {
            writer.WriteStartObject("tool_choice"u8);
            writer.WriteString("type"u8, "function"u8);
            writer.WriteStartObject("function"u8);
            writer.WriteString("name"u8, forced);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        // Only where it is asked for: some servers do not know it.
        if (request.AllowsOneCallOnly)
        {
            writer.WriteBoolean("parallel_tool_calls"u8, false);
        }
    }

    private static void WriteRaw(Utf8JsonWriter writer, ReadOnlySpan<byte> name, string json)
    {
        writer.WritePropertyName(name);
        writer.WriteRawValue(json, skipInputValidation: true);
    }
}
