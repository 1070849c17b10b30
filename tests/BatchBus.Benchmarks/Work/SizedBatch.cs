using System.Buffers;
using System.Globalization;
using System.Text;
using BatchBus.Contracts;
using BatchBus.Storage.Results;

namespace BatchBus.Benchmarks.Work;

/// <summary>A batch of prose whose results are made by the benchmark itself, so that they can have any size.</summary>
/// <param name="Count">Number of requests.</param>
/// <param name="PromptBytes">Length of each prompt.</param>
/// <param name="AnswerBytes">Length of each answer.</param>
internal sealed record SizedBatch(int Count, int PromptBytes, int AnswerBytes)
{
    /// <summary>Answers are other texts than any prompt.</summary>
    private const int FirstAnswer = 1_000_000;

    /// <summary>The body of a create.</summary>
    public ReadOnlyMemory<byte> Body()
    {
        var body = new ArrayBufferWriter<byte>(Count * (PromptBytes + 200));
        body.Write("{\"requests\":["u8);
        for (var i = 0; i < Count; i++)
        {
            body.Write(Encoding.ASCII.GetBytes(
                $"{(i == 0 ? "" : ",")}{{\"custom_id\":\"{CustomId(i)}\",\"params\":{{\"model\":\"mistral-7b\",\"max_tokens\":1024,\"messages\":[{{\"role\":\"user\",\"content\":\""));
            body.Write(Prose.Write(i, PromptBytes));
            body.Write("\"}]}}"u8);
        }

        body.Write("]}"u8);
        return body.WrittenMemory;
    }

    /// <summary>The result of one request, as a worker stores it.</summary>
    public StoredResult Result(int i)
    {
        var message = new ArrayBufferWriter<byte>(AnswerBytes + 300);
        message.Write(Encoding.ASCII.GetBytes(
            $"{{\"id\":\"msg_{i:x24}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"mistral-7b\",\"content\":[{{\"type\":\"text\",\"text\":\""));
        message.Write(Prose.Write(FirstAnswer + i, AnswerBytes));
        message.Write("\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":350,\"output_tokens\":240}}"u8);
        return new StoredResult(i, CustomId(i), RequestOutcome.Succeeded, 350, 0, 240, 20, ResultLine.Succeeded(CustomId(i), message.WrittenSpan));
    }

    /// <summary>Holds the results file, byte for byte, against what was stored.</summary>
    public Correctness Check(ReadOnlySpan<byte> results)
    {
        var seen = new int[Count];
        var misplaced = 0;
        while (!results.IsEmpty)
        {
            var line = results[..(results.IndexOf((byte)'\n') + 1)];
            results = results[line.Length..];
            var i = int.Parse(line[IdStart..(IdStart + IdDigits)], CultureInfo.InvariantCulture);
            seen[i]++;
            misplaced += line.SequenceEqual(Result(i).Line.Span) ? 0 : 1;
        }

        return new Correctness(seen.Count(times => times == 0), seen.Sum(times => Math.Max(0, times - 1)), misplaced);
    }

    private const int IdDigits = 6;

    private static readonly int IdStart = "{\"custom_id\":\"request-".Length;

    private static string CustomId(int i) => string.Create(CultureInfo.InvariantCulture, $"request-{i:000000}");
}
