using System.Buffers;
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
                    System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(packed.AsSpan(1), content.Length);
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

        var content = GC.AllocateUninitializedArray<byte>(System.Buffers.Binary.BinaryPrimitives.ReadInt32LittleEndian(packed.Span[1..]));
        return BrotliDecoder.TryDecompress(packed.Span[BrotliHeader..], content, out var written) && written == content.Length
            ? content
            : throw new InvalidDataException("A stored payload is damaged.");
    }
}
