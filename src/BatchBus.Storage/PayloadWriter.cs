using System.Buffers;
using System.Text;

namespace BatchBus.Storage;

/// <summary>Writes numbers as variable-length integers, and bytes and text behind their lengths.</summary>
internal sealed class PayloadWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);

    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public int Length => _buffer.WrittenCount;

    public void Number(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        var span = _buffer.GetSpan(10);
        var count = 0;
        for (; value >= 0x80; value >>= 7)
        {
            span[count++] = (byte)(value | 0x80);
        }

        span[count++] = (byte)value;
        _buffer.Advance(count);
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Number(value.Length);
        _buffer.Write(value);
    }

    public void Text(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        Number(length);
        _buffer.Advance(Encoding.UTF8.GetBytes(value, _buffer.GetSpan(length)));
    }

    public void Clear() => _buffer.ResetWrittenCount();
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
