using System.Buffers;

namespace BatchBus.Storage;

/// <summary>
/// Arrays for requests and results that pass through. <see cref="ArrayPool{T}.Shared"/> keeps some for every thread, which with large ones
/// comes to many times what is in use: of those, two of each size are kept for all threads together.
/// </summary>
public static class Buffers
{
    private const int LargestShared = 1 << 20;
    private const int LargestKept = 32 << 20;

    private static readonly ArrayPool<byte> Large = ArrayPool<byte>.Create(LargestKept, maxArraysPerBucket: 2);

    /// <summary>An array of at least that many bytes, of any content.</summary>
    public static byte[] Rent(int length) => (length > LargestShared ? Large : ArrayPool<byte>.Shared).Rent(length);

    /// <summary>Gives an array back. An empty one need not have been rented.</summary>
    public static void Return(byte[] buffer) => (buffer.Length > LargestShared ? Large : ArrayPool<byte>.Shared).Return(buffer);
}
