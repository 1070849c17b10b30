using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using BatchBus.Api.Errors;
using BatchBus.Storage;

namespace BatchBus.Api.Batches.Submit;

/// <summary>
/// Reads the body of a create while it arrives: hands out one entry of <c>requests</c> after the other and keeps what else the
/// envelope says. Holds one buffer, which grows only for an entry that does not fit.
/// </summary>
/// <param name="body">The body, already decoded.</param>
/// <param name="isDecoded">Whether it was encoded on the wire.</param>
/// <param name="options">The limits, which apply to the decoded body.</param>
internal sealed class BatchBodyReader(Stream body, bool isDecoded, ApiOptions options) : IDisposable
{
    public const int MaxDepth = 256;

    private const int FirstBuffer = 128 << 10;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] _buffer = Buffers.Rent(FirstBuffer);
    private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = MaxDepth });
    private int _start;
    private int _end;
    private int _worthReading;
    private long _bytes;
    private bool _complete;
    private Place _place = Place.Start;

    private enum Place
    {
        Start,
        Envelope,
        Requests,
        End,
    }

    /// <summary>What the body says besides its entries, as far as it has been read.</summary>
    public BatchEnvelope Envelope { get; private set; } = new(false, 0, null, null, null);

    /// <summary>The next entry; null at the end of the body. An entry is valid until the next call.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_end - _start >= _worthReading || _complete)
            {
                if (TryNext(out var entry))
                {
                    return entry;
                }

                if (_place is Place.End)
                {
                    await ExpectEndAsync(cancellationToken);
                    return null;
                }

                // An entry that is not complete is scanned again only when there is twice as much of it, so that a large one costs no more per byte.
                _worthReading = Math.Min(2 * (_end - _start), options.MaxRequestBytes);
            }

            if (!await FillAsync(cancellationToken))
            {
                _complete = true;
                _worthReading = 0;
            }
        }
    }

    /// <summary>SHA-256 of what has been read, as lower-case hexadecimal digits; of the whole body once an entry is null.</summary>
    public string Hash() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>Reads on to the end without looking at what comes, for the sake of the <see cref="Hash"/>.</summary>
    public async ValueTask SkipAsync(CancellationToken cancellationToken)
    {
        do
        {
            (_start, _end) = (0, 0);
        }
        while (await FillAsync(cancellationToken));
    }

    public void Dispose()
    {
        _hash.Dispose();
        if (_buffer.Length > 0)
        {
            Buffers.Return(_buffer);
            _buffer = [];
        }
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_complete)
        {
            throw ApiException.InvalidRequest($"The body is not valid JSON: it ends after {_bytes} bytes, within the object. Send it whole.");
        }

        if (_start > 0 && (_end == _buffer.Length || _start == _end))
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= options.MaxRequestBytes)
            {
                throw ApiException.TooLarge(_place is Place.Requests
                    ? $"requests.{Envelope.RequestCount}: larger than {options.MaxRequestBytes} bytes, the most for one request. Split or shorten it."
                    : $"The body holds a value of more than {options.MaxRequestBytes} bytes outside requests.");
            }

            var larger = Buffers.Rent(2 * _buffer.Length);
            _buffer.AsSpan(0, _end).CopyTo(larger);
            Buffers.Return(_buffer);
            _buffer = larger;
        }

        var read = await ReadAsync(_buffer.AsMemory(_end), cancellationToken);
        _hash.AppendData(_buffer, _end, read);
        _end += read;
        _bytes += read;
        return _bytes > options.MaxBatchBytes
            ? throw ApiException.BatchTooLarge(options.MaxBatchBytes, isDecoded)
            : read > 0;
    }

    private async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await body.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception error) when (isDecoded && error is InvalidDataException or InvalidOperationException)
        {
            throw ApiException.InvalidRequest("The body is not what Content-Encoding says: it cannot be decoded.", "request_body_encoding_invalid");
        }
    }

    private bool TryNext(out ReadOnlyMemory<byte> entry)
    {
        try
        {
            return TryRead(out entry);
        }
        catch (JsonException error)
        {
            var where = _place is Place.Requests ? string.Create(CultureInfo.InvariantCulture, $" (in or after requests.{Envelope.RequestCount})") : "";
            throw ApiException.InvalidRequest($"The body is not valid JSON{where}: {error.Message}");
        }
        catch (InvalidOperationException)
        {
            throw ApiException.InvalidRequest("The body is not valid JSON: bytes or an escape in a string stand for no character. Encode it as UTF-8.");
        }
    }

    private bool TryRead(out ReadOnlyMemory<byte> entry)
    {
        entry = default;
        var reader = new Utf8JsonReader(_buffer.AsSpan(_start, _end - _start), _complete, _state);
        while (_place is not Place.End)
        {
            var (state, consumed) = (reader.CurrentState, (int)reader.BytesConsumed);
            if (!TryStep(ref reader, out var start))
            {
                (_state, _start) = (state, _start + consumed);
                return false;
            }

            if (start >= 0)
            {
                entry = _buffer.AsMemory(_start + start, (int)reader.BytesConsumed - start);
                (_state, _start) = (reader.CurrentState, _start + (int)reader.BytesConsumed);
                _worthReading = 0;
                return true;
            }
        }

        (_state, _start) = (reader.CurrentState, _start + (int)reader.BytesConsumed);
        return false;
    }

    /// <summary>Reads one token, or one property or entry with all that is in it; false when not all of it is there yet.</summary>
    /// <param name="reader">The reader.</param>
    /// <param name="start">Where an entry of <c>requests</c> begins; negative for anything else.</param>
    private bool TryStep(ref Utf8JsonReader reader, out int start)
    {
        start = -1;
        if (!reader.Read())
        {
            return false;
        }

        switch (_place)
        {
            case Place.Start:
                _place = reader.TokenType is JsonTokenType.StartObject
                    ? Place.Envelope
                    : throw ApiException.InvalidRequest("The body should be a JSON object with the field requests.");
                return true;
            case Place.Requests when reader.TokenType is JsonTokenType.EndArray:
                _place = Place.Envelope;
                return true;
            case Place.Requests:
                var token = (int)reader.TokenStartIndex;
                if (!reader.TrySkip())
                {
                    return false;
                }

                Envelope = Envelope with { RequestCount = Envelope.RequestCount + 1 };
                if (Envelope.RequestCount > options.MaxBatchRequests)
                {
                    throw ApiException.InvalidRequest($"requests: List should have at most {options.MaxBatchRequests} items. Split the batch.");
                }

                start = token;
                return true;
            case Place.Envelope when reader.TokenType is JsonTokenType.EndObject:
                _place = Place.End;
                return true;
            case Place.Envelope:
                return TryReadField(ref reader);
            default:
                throw new InvalidOperationException($"Nothing is read at {_place}.");
        }
    }

    private bool TryReadField(ref Utf8JsonReader reader)
    {
        if (reader.ValueTextEquals("requests"u8))
        {
            return TryReadRequests(ref reader);
        }

        var field = reader.ValueTextEquals("stage"u8) ? "stage"
            : reader.ValueTextEquals("expires_in_seconds"u8) ? "expires_in_seconds"
            : reader.ValueTextEquals("webhook_url"u8) ? "webhook_url"
            : null;
        if (!reader.Read())
        {
            return false;
        }

        if (field switch { "stage" => Envelope.Stage is not null, "expires_in_seconds" => Envelope.ExpiresInSeconds is not null, "webhook_url" => Envelope.WebhookUrl is not null, _ => false })
        {
            throw ApiException.InvalidRequest($"{field}: given twice. Give it once.");
        }

        if (field is null || reader.TokenType is JsonTokenType.Null)
        {
            return reader.TrySkip();
        }

        Envelope = (field, reader.TokenType) switch
        {
            ("stage", JsonTokenType.String) => Envelope with { Stage = reader.GetString() },
            ("webhook_url", JsonTokenType.String) => Envelope with { WebhookUrl = reader.GetString() },
            ("expires_in_seconds", JsonTokenType.Number) when reader.TryGetInt64(out var seconds) => Envelope with { ExpiresInSeconds = seconds },
            ("expires_in_seconds", _) => throw ApiException.InvalidRequest("expires_in_seconds: Input should be a valid integer"),
            _ => throw ApiException.InvalidRequest($"{field}: Input should be a valid string"),
        };
        return true;
    }

    private bool TryReadRequests(ref Utf8JsonReader reader)
    {
        if (!reader.Read())
        {
            return false;
        }

        if (Envelope.HasRequests)
        {
            throw ApiException.InvalidRequest("requests: given twice. Give one list.");
        }

        if (reader.TokenType is not JsonTokenType.StartArray)
        {
            throw ApiException.InvalidRequest("requests: Input should be a valid list");
        }

        Envelope = Envelope with { HasRequests = true };
        _place = Place.Requests;
        return true;
    }

    /// <summary>After the object only white space may come.</summary>
    private async ValueTask ExpectEndAsync(CancellationToken cancellationToken)
    {
        do
        {
            if (_buffer.AsSpan(_start, _end - _start).ContainsAnyExcept(" \t\r\n"u8))
            {
                throw ApiException.InvalidRequest("The body is not valid JSON: something follows the object.");
            }

            _start = _end;
        }
        while (!_complete && await FillAsync(cancellationToken));
    }
}
