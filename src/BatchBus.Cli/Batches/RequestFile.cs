using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace BatchBus.Cli.Batches;

/// <summary>A file of requests, one JSON object per line. Read twice and never held: once to check it, once to send it.</summary>
internal sealed class RequestFile
{
    private const int MaxDepth = 256;
    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    private readonly string _path;

    private RequestFile(string path, int count, string hash)
    {
        _path = path;
        Count = count;
        Hash = hash;
    }

    /// <summary>The file's name, for people.</summary>
    public string Name => Path.GetFileName(_path);

    /// <summary>Number of requests.</summary>
    public int Count { get; }

    /// <summary>SHA-256 of the requests, in hexadecimal digits.</summary>
    public string Hash { get; }

    /// <exception cref="CommandFailure">It cannot be read, is empty, or has a line that is no JSON object.</exception>
    public static async Task<RequestFile> CheckAsync(string path, CancellationToken cancellationToken)
    {
        if (Directory.Exists(path))
        {
            throw new CommandFailure($"{path} is a folder. Name a file of requests, one JSON object per line.");
        }

        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var count = 0;
            await foreach (var (number, line) in LinesAsync(path, cancellationToken))
            {
                if (Problem(line) is { } problem)
                {
                    throw new CommandFailure(
                        $"{path}, line {number}: {problem} Each line is one request: {{\"custom_id\": \"…\", \"params\": {{\"max_tokens\": …, \"messages\": […]}}}}.");
                }

                count++;
                foreach (var segment in line)
                {
                    hash.AppendData(segment.Span);
                }

                hash.AppendData("\n"u8);
            }

            return count > 0
                ? new RequestFile(path, count, Convert.ToHexStringLower(hash.GetCurrentHash()))
                : throw new CommandFailure($"{path} is empty. It needs at least one request, one JSON object per line.");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CommandFailure($"{path} does not exist. Check the path; it is read from the current folder, {Environment.CurrentDirectory}.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure($"{path} cannot be read: {exception.Message}");
        }
    }

    /// <summary>Writes the body of a create.</summary>
    public async Task WriteBodyAsync(Stream body, string? stage, CancellationToken cancellationToken)
    {
        var start = stage is null ? """{"requests":[""" : $$"""{"stage":{{JsonSerializer.Serialize(stage)}},"requests":[""";
        var writer = PipeWriter.Create(body, new StreamPipeWriterOptions(leaveOpen: true));
        writer.Write(System.Text.Encoding.UTF8.GetBytes(start));
        var first = true;
        await foreach (var (_, line) in LinesAsync(_path, cancellationToken))
        {
            if (!first)
            {
                writer.Write(",\n"u8);
            }

            first = false;
            foreach (var segment in line)
            {
                await writer.WriteAsync(segment, cancellationToken);
            }
        }

        writer.Write("]}"u8);
        await writer.CompleteAsync();
    }

    private static string? Problem(in ReadOnlySequence<byte> line)
    {
        var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            reader.Read();
            if (reader.TokenType is not JsonTokenType.StartObject)
            {
                return "this is no JSON object.";
            }

            reader.Skip();
            reader.Read();
            return null;
        }
        catch (JsonException exception)
        {
            // The reader's own count of lines is of no use within a line.
            return $"this is not JSON: {exception.Message.Split(" LineNumber:")[0]} (column {exception.BytePositionInLine + 1})";
        }
    }

    /// <summary>The lines that are not blank, each valid until the next is asked for.</summary>
    private static async IAsyncEnumerable<(int Number, ReadOnlySequence<byte> Line)> LinesAsync(
        string path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0, FileOptions.SequentialScan | FileOptions.Asynchronous);
        var pipe = PipeReader.Create(file, new StreamPipeReaderOptions(bufferSize: 256 << 10));
        for (var number = 1; ; number++)
        {
            ReadResult read;
            SequencePosition? end;
            while (true)
            {
                read = await pipe.ReadAsync(cancellationToken);
                end = read.Buffer.PositionOf((byte)'\n');
                if (end is not null || read.IsCompleted)
                {
                    break;
                }

                pipe.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            }

            var line = end is { } position ? read.Buffer.Slice(0, position) : read.Buffer;
            var content = number == 1 && StartsWithByteOrderMark(line) ? line.Slice(ByteOrderMark.Length) : line;
            if (!IsBlank(content))
            {
                yield return (number, content);
            }

            if (end is null)
            {
                yield break;
            }

            pipe.AdvanceTo(read.Buffer.GetPosition(1, end.Value));
        }
    }

    private static bool StartsWithByteOrderMark(in ReadOnlySequence<byte> line) => new SequenceReader<byte>(line).IsNext(ByteOrderMark);

    private static bool IsBlank(in ReadOnlySequence<byte> line)
    {
        var reader = new SequenceReader<byte>(line);
        reader.AdvancePastAny(" \t\r"u8);
        return reader.End;
    }
}
