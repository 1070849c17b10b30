using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;

namespace BatchBus.Storage;

/// <summary>
/// The outer form of everything large that is stored: one byte that tells the encoding, then the bytes themselves (0) or their
/// length as 4 bytes little-endian and a Brotli stream (1).
/// </summary>
internal static class Payload
{
    private const byte Plain = 0;
    private const byte Brotli = 1;
    private const int BrotliHeader = 5;

    /// <summary>Below this size, in bytes, compression costs more than it saves.</summary>
    private const int WorthCompressing = 256;

    /// <summary>Content up to this size, in bytes, is decompressed without copying.</summary>
    private const int ClaimedAtOnce = 4 << 20;

    private const int Quality = 2;
    private const int WindowBits = 18;

    public static byte[] Pack(ReadOnlySpan<byte> content)
    {
        var buffer = Buffers.Rent(MaxLength(content.Length));
        try
        {
            return buffer.AsSpan(0, Pack(content, buffer)).ToArray();
        }
        finally
        {
            Buffers.Return(buffer);
        }
    }

    /// <summary>Length that content may have at most once it is packed.</summary>
    public static int MaxLength(int content) => content + 1;

    /// <summary>Packs into a buffer of at least <see cref="MaxLength"/> and returns the length.</summary>
    public static int Pack(ReadOnlySpan<byte> content, Span<byte> packed)
    {
        if (content.Length >= WorthCompressing
            && BrotliEncoder.TryCompress(content, packed[BrotliHeader..content.Length], out var written, Quality, WindowBits))
        {
            return WithHeader(packed, content.Length, written);
        }

        packed[0] = Plain;
        content.CopyTo(packed[1..]);
        return MaxLength(content.Length);
    }

    /// <summary>Packs two parts as one content, for a large one that is not to be copied together first.</summary>
    public static int Pack(ReadOnlySpan<byte> head, ReadOnlySpan<byte> tail, Span<byte> packed)
    {
        var length = head.Length + tail.Length;
        using var encoder = new BrotliEncoder(Quality, WindowBits);
        var room = packed[BrotliHeader..length];
        if (encoder.Compress(head, room, out _, out var begun, isFinalBlock: false) is OperationStatus.Done
            && encoder.Compress(tail, room[begun..], out _, out var ended, isFinalBlock: true) is OperationStatus.Done)
        {
            return WithHeader(packed, length, begun + ended);
        }

        packed[0] = Plain;
        head.CopyTo(packed[1..]);
        tail.CopyTo(packed[(1 + head.Length)..]);
        return MaxLength(length);
    }

    private static int WithHeader(Span<byte> packed, int length, int compressed)
    {
        packed[0] = Brotli;
        BinaryPrimitives.WriteInt32LittleEndian(packed[1..], length);
        return BrotliHeader + compressed;
    }

    /// <exception cref="InvalidDataException">The bytes are not what <see cref="Pack(ReadOnlySpan{byte})"/> made.</exception>
    public static ReadOnlyMemory<byte> Unpack(ReadOnlyMemory<byte> packed)
    {
        byte[] buffer = [];
        return Unpack(packed, ref buffer, static (claimed, size) =>
        {
            var larger = GC.AllocateUninitializedArray<byte>(size);
            claimed.CopyTo(larger, 0);
            return larger;
        });
    }

    /// <summary>Unpacks into an array of the pool, which is the caller's to return, and to pass again once the content is no longer needed.</summary>
    /// <exception cref="InvalidDataException">The bytes are not what <see cref="Pack(ReadOnlySpan{byte})"/> made.</exception>
    public static ReadOnlyMemory<byte> UnpackInto(ref byte[] buffer, ReadOnlyMemory<byte> packed)
        => Unpack(packed, ref buffer, static (claimed, size) =>
        {
            var larger = Buffers.Rent(size);
            claimed.CopyTo(larger, 0);
            Buffers.Return(claimed);
            return larger;
        });

    private static ReadOnlyMemory<byte> Unpack(ReadOnlyMemory<byte> packed, ref byte[] buffer, Func<byte[], int, byte[]> enlarge)
    {
        if (packed.Length > 0 && packed.Span[0] == Plain)
        {
            return packed[1..];
        }

        if (packed.Length < BrotliHeader || packed.Span[0] != Brotli)
        {
            throw new InvalidDataException("A stored payload does not begin with a known encoding.");
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(packed.Span[1..]);
        if (length < 0)
        {
            throw new InvalidDataException("A stored payload has a length that cannot be.");
        }

        Decompress(packed.Span[BrotliHeader..], length, ref buffer, enlarge);
        return buffer.AsMemory(0, length);
    }

    /// <summary>Claims memory beyond <see cref="ClaimedAtOnce"/> only as content comes forth: the length may be damaged.</summary>
    private static void Decompress(ReadOnlySpan<byte> compressed, int length, ref byte[] buffer, Func<byte[], int, byte[]> enlarge)
    {
        if (buffer.Length < Math.Min(length, ClaimedAtOnce))
        {
            buffer = enlarge(buffer, Math.Min(length, ClaimedAtOnce));
        }

        using var decoder = new BrotliDecoder();
        var filled = 0;
        while (true)
        {
            var content = buffer.AsSpan(0, Math.Min(length, buffer.Length));
            var status = decoder.Decompress(compressed, content[filled..], out var consumed, out var written);
            compressed = compressed[consumed..];
            filled += written;
            if (status is OperationStatus.Done && filled == length)
            {
                return;
            }

            if (status is not OperationStatus.DestinationTooSmall || content.Length == length)
            {
                throw new InvalidDataException("A stored payload is damaged.");
            }

            buffer = enlarge(buffer, (int)Math.Min(length, 2L * buffer.Length));
        }
    }
}
