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

    private const int Quality = 1;
    private const int WindowBits = 18;

    public static byte[] Pack(ReadOnlySpan<byte> content)
    {
        if (content.Length >= WorthCompressing)
        {
            var buffer = ArrayPool<byte>.Shared.Rent(content.Length);
            try
            {
                if (BrotliEncoder.TryCompress(content, buffer, out var written, Quality, WindowBits) && written + BrotliHeader < content.Length)
                {
                    var packed = GC.AllocateUninitializedArray<byte>(written + BrotliHeader);
                    packed[0] = Brotli;
                    BinaryPrimitives.WriteInt32LittleEndian(packed.AsSpan(1), content.Length);
                    buffer.AsSpan(0, written).CopyTo(packed.AsSpan(BrotliHeader));
                    return packed;
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        var plain = GC.AllocateUninitializedArray<byte>(content.Length + 1);
        plain[0] = Plain;
        content.CopyTo(plain.AsSpan(1));
        return plain;
    }

    /// <exception cref="InvalidDataException">The bytes are not what <see cref="Pack"/> made.</exception>
    public static ReadOnlyMemory<byte> Unpack(ReadOnlyMemory<byte> packed)
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

        return Decompress(packed.Span[BrotliHeader..], length);
    }

    /// <summary>Claims memory beyond <see cref="ClaimedAtOnce"/> only as content comes forth: the length may be damaged.</summary>
    private static byte[] Decompress(ReadOnlySpan<byte> compressed, int length)
    {
        using var decoder = new BrotliDecoder();
        var content = GC.AllocateUninitializedArray<byte>(Math.Min(length, ClaimedAtOnce));
        var filled = 0;
        while (true)
        {
            var status = decoder.Decompress(compressed, content.AsSpan(filled), out var consumed, out var written);
            compressed = compressed[consumed..];
            filled += written;
            if (status is OperationStatus.Done && filled == length)
            {
                return content;
            }

            if (status is not OperationStatus.DestinationTooSmall || content.Length == length)
            {
                throw new InvalidDataException("A stored payload is damaged.");
            }

            Array.Resize(ref content, (int)Math.Min(length, 2L * content.Length));
        }
    }
}
