using System.Text;

namespace BatchBus.Storage;

/// <summary>Writes numbers as variable-length integers, and bytes and text behind their lengths, into memory of the pool.</summary>
internal sealed class PayloadWriter : IDisposable
{
    private const int FirstBuffer = 4096;
    private const int LongestNumber = 10;

    private byte[] _buffer = Buffers.Rent(FirstBuffer);

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    public int Length { get; private set; }

    public void Number(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        var span = Claim(LongestNumber);
        var count = 0;
        for (; value >= 0x80; value >>= 7)
        {
            span[count++] = (byte)(value | 0x80);
        }

        span[count++] = (byte)value;
        Length += count;
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Number(value.Length);
        value.CopyTo(Claim(value.Length));
        Length += value.Length;
    }

    public void Text(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        Number(length);
        Length += Encoding.UTF8.GetBytes(value, Claim(length));
    }

    public void Clear() => Length = 0;

    /// <summary>Gives the memory back; what was written is gone.</summary>
    public void Dispose()
    {
        Buffers.Return(_buffer);
        (_buffer, Length) = ([], 0);
    }

    private Span<byte> Claim(int count)
    {
        if (count > _buffer.Length - Length)
        {
            var larger = Buffers.Rent(Math.Max(checked(Length + count), (int)Math.Min(Array.MaxLength, 2L * _buffer.Length)));
            Written.CopyTo(larger);
            Buffers.Return(_buffer);
            _buffer = larger;
        }

        return _buffer.AsSpan(Length);
    }
}

/// <summary>Reads what <see cref="PayloadWriter"/> wrote.</summary>
internal struct PayloadReader(ReadOnlyMemory<byte> content)
{
    private int _position;

    public readonly bool AtEnd => _position >= content.Length;

    public long Number(long most = long.MaxValue)
    {
        long value = 0;
        for (var shift = 0; shift < 63; shift += 7)
        {
            if (AtEnd)
            {
                throw new InvalidDataException("A stored payload ends within a number.");
            }

            var next = content.Span[_position++];
            value |= (long)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value <= most ? value : throw new InvalidDataException("A stored payload holds a number that is too large.");
            }
        }

        throw new InvalidDataException("A stored payload holds a number that is too long.");
    }

    public int Int() => (int)Number(int.MaxValue);

    public ReadOnlyMemory<byte> Bytes()
    {
        var length = Int();
        if (length > content.Length - _position)
        {
            throw new InvalidDataException("A stored payload ends within a field.");
        }

        var bytes = content.Slice(_position, length);
        _position += length;
        return bytes;
    }

    public string Text() => Encoding.UTF8.GetString(Bytes().Span);
}
