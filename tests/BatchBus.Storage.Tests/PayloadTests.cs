using System.Buffers.Binary;
using CsCheck;

namespace BatchBus.Storage.Tests;

public sealed class PayloadTests
{
    private static readonly Gen<byte[]> Contents = Gen.OneOf(
        Gen.Byte.Array[0, 600],
        Gen.Select(Gen.Int[0, 3_000_000], Gen.Int).Select((length, seed) => Noise(length, seed)),
        Gen.Select(Gen.Int[0, 5_000_000], Gen.Byte.Array[1, 200]).Select(Repeated));

    [Test]
    public void Whatever_is_packed_is_unpacked_as_it_was()
        => Contents.Sample(content => Payload.Unpack(Payload.Pack(content)).Span.SequenceEqual(content), iter: 60, print: Size);

    [Test]
    public void Two_parts_are_packed_as_one_content()
        => Gen.Select(Gen.Byte.Array[0, 100], Contents).Sample(
            (head, tail) =>
            {
                var packed = new byte[Payload.MaxLength(head.Length + tail.Length)];
                var length = Payload.Pack(head, tail, packed);
                return length <= Payload.MaxLength(head.Length + tail.Length)
                    && Payload.Unpack(packed.AsMemory(0, length)).Span.SequenceEqual([.. head, .. tail]);
            },
            iter: 60,
            print: parts => $"{Size(parts.Item1)} and {Size(parts.Item2)}");

    [Test]
    public void What_is_unpacked_into_a_used_buffer_is_nothing_else()
        => Contents.Array[1, 5].Sample(
            contents =>
            {
                byte[] buffer = [];
                foreach (var content in contents)
                {
                    Assert.That(Payload.UnpackInto(ref buffer, Payload.Pack(content)).Span.SequenceEqual(content));
                }
            },
            iter: 20,
            print: contents => string.Join(' ', contents.Select(Size)));

    [Test]
    public void A_packed_payload_is_never_more_than_one_byte_larger_than_its_content()
        => Contents.Sample(content => Payload.Pack(content).Length <= content.Length + 1, iter: 40, print: Size);

    [Test]
    public void Repetitive_content_is_compressed()
        => Assert.That(Payload.Pack(Repeated(100_000, "{\"role\":\"user\"},"u8.ToArray())), Has.Length.LessThan(1_000));

    [Test]
    public void An_empty_payload_that_is_not_even_one_byte_long_is_refused()
        => Assert.That(() => Payload.Unpack(ReadOnlyMemory<byte>.Empty), Throws.TypeOf<InvalidDataException>());

    [Test]
    public void Damage_throws_InvalidDataException_and_nothing_else()
        => Gen.Select(Gen.OneOf(Gen.Byte.Array[0, 64], Gen.Int[300, 5_000].Select(length => Payload.Pack(Repeated(length, "abcdefgh"u8.ToArray())))), Damage)
            .Sample((payload, damage) => ThrowsOnlyInvalidData(() => Payload.Unpack(damage.Apply(payload))), iter: 5_000, print: Payloads);

    [TestCase(-1)]
    [TestCase(int.MinValue)]
    [TestCase(0)]
    [TestCase(9_999)]
    [TestCase(10_001)]
    [TestCase(int.MaxValue)]
    public void A_wrong_length_is_refused_without_claiming_that_much_memory(int length)
    {
        var payload = Payload.Pack(Repeated(10_000, "abcdefgh"u8.ToArray()));
        BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(1), length);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.That(() => Payload.Unpack(payload), Throws.TypeOf<InvalidDataException>());
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(16 << 20));
    }

    /// <summary>One way to spoil bytes: cut them off somewhere, overwrite some, or put some behind.</summary>
    internal sealed record DamageTo(int Cut, int At, byte[] Overwritten)
    {
        public byte[] Apply(byte[] payload)
        {
            var damaged = payload.AsSpan(0, Math.Max(0, payload.Length - Cut)).ToArray();
            for (var i = 0; i < Overwritten.Length && damaged.Length > 0; i++)
            {
                damaged[(At + i) % damaged.Length] = Overwritten[i];
            }

            return damaged;
        }
    }

    internal static Gen<DamageTo> Damage { get; } = Gen
        .Select(Gen.Frequency((2, Gen.Const(0)), (1, Gen.Int[0, 40])), Gen.OneOf(Gen.Int[0, 12], Gen.Int[0, 5_000]), Gen.OneOf(Gen.Byte, Gen.Const((byte)0xFF)).Array[0, 11])
        .Select((cut, at, bytes) => new DamageTo(cut, at, bytes));

    /// <summary>Lets the action succeed or find the damage; what else it throws fails the property.</summary>
    internal static void ThrowsOnlyInvalidData(Action read)
    {
        try
        {
            read();
        }
        catch (InvalidDataException)
        {
            // The damage was found.
        }
    }

    private static byte[] Noise(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Repeated(int length, byte[] pattern)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
        {
            bytes[i] = pattern[i % pattern.Length];
        }

        return bytes;
    }

    private static string Size(byte[] content) => $"{content.Length} bytes";

    private static string Payloads((byte[] Payload, DamageTo Damage) sample) => Convert.ToHexString(sample.Damage.Apply(sample.Payload));
}
