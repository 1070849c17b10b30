using System.Text.Json;

namespace BatchBus.Inference.Mapping;

/// <summary>Reads the settings that say how the answer is generated. Every method returns what is wrong, or null.</summary>
internal static class SamplingReader
{
    public static string? ReadMaxTokens(JsonElement value, ChatRequest request)
    {
        var problem = ReadInteger(value, 1, "max_tokens", out var tokens);
        request.MaxTokens = tokens;
        return problem;
    }

    public static string? ReadTemperature(JsonElement value, ChatRequest request)
    {
        var problem = ReadFraction(value, "temperature", out var temperature);
        request.Temperature = temperature;
        return problem;
    }

    public static string? ReadTopP(JsonElement value, ChatRequest request)
    {
        var problem = ReadFraction(value, "top_p", out var topP);
        request.TopP = topP;
        return problem;
    }

    public static string? ReadTopK(JsonElement value, ChatRequest request)
    {
        var problem = ReadInteger(value, 0, "top_k", out var topK);
        request.TopK = topK;
        return problem;
    }

    public static string? ReadStopSequences(JsonElement value, ChatRequest request, int most)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return "stop_sequences: Input should be a valid list";
        }

        if (value.GetArrayLength() > most)
        {
            return $"stop_sequences: This model takes at most {most} stop sequences, not {value.GetArrayLength()}; leave some out";
        }

        var sequences = new List<string>(value.GetArrayLength());
        foreach (var element in value.EnumerateArray())
        {
            var path = $"stop_sequences.{sequences.Count}";
            if (element.ValueKind != JsonValueKind.String)
            {
                return $"{path}: Input should be a valid string";
            }

            if (!element.TryGetText(out var sequence))
            {
                return Fields.LoneSurrogate(path);
            }

            if (string.IsNullOrWhiteSpace(sequence))
            {
                return $"{path}: each stop sequence must contain non-whitespace";
            }

            sequences.Add(sequence);
        }

        request.StopSequences = sequences;
        return null;
    }

    private static string? ReadInteger(JsonElement value, int least, string path, out int number)
    {
        number = 0;
        if (value.ValueKind != JsonValueKind.Number)
        {
            return $"{path}: Input should be a valid integer";
        }

        if (!value.TryGetInt32(out number))
        {
            // 1024.0 is an integer to the API, 1e99 is not one to anybody.
            var real = value.GetDouble();
            if (real != Math.Truncate(real))
            {
                return $"{path}: Input should be a valid integer, got a number with a fractional part";
            }

            if (Math.Abs(real) > int.MaxValue)
            {
                return $"{path}: Input should be between {least} and {int.MaxValue}";
            }

            number = (int)real;
        }

        return number >= least ? null : $"{path}: Input should be greater than or equal to {least}";
    }

    private static string? ReadFraction(JsonElement value, string path, out double number)
    {
        number = 0;
        if (value.ValueKind != JsonValueKind.Number)
        {
            return $"{path}: Input should be a valid number";
        }

        number = value.GetDouble();
        return number switch
        {
            < 0 => $"{path}: Input should be greater than or equal to 0",
            > 1 => $"{path}: Input should be less than or equal to 1",
            _ => null,
        };
    }
}
