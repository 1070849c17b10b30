using CsCheck;

namespace BatchBus.Storage.Tests;

public sealed class PayloadWriterTests
{
    private static readonly Gen<long> Numbers = Gen.Select(Gen.Long[0, long.MaxValue], Gen.Int[0, 62]).Select((value, shift) => value >> shift);

    private static readonly Gen<string> Texts = Gen.OneOf(
        Gen.String,
        Gen.OneOf("", "名前", "𝒳😀", "\0", "ä\u0301", new string('ß', 10_000)));

    [Test]
    public void Numbers_are_read_as_they_were_written()
        => Numbers.Array[0, 50].Sample(numbers =>
        {
            var writer = new PayloadWriter();
            foreach (var number in numbers)
            {
                writer.Number(number);
            }

            var reader = new PayloadReader(writer.Written.ToArray());
            foreach (var number in numbers)
            {
                Assert.That(reader.Number(), Is.EqualTo(number));
            }

            Assert.That(reader.AtEnd);
        });

    [TestCase(0L, 1)]
    [TestCase(127L, 1)]
    [TestCase(128L, 2)]
    [TestCase(int.MaxValue, 5)]
    [TestCase(long.MaxValue, 9)]
    public void A_number_takes_a_byte_per_seven_bits(long number, int bytes)
    {
        var writer = new PayloadWriter();
        writer.Number(number);

        Assert.That(writer.Length, Is.EqualTo(bytes));
        Assert.That(new PayloadReader(writer.Written.ToArray()).Number(), Is.EqualTo(number));
    }

    [Test]
    public void Number_refuses_negative_values()
        => Assert.That(() => new PayloadWriter().Number(-1), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void Text_and_bytes_are_read_as_they_were_written_in_any_mixture()
        => Gen.Select(Texts, Numbers, Gen.Byte.Array[0, 5_000]).Array[0, 10].Sample(fields =>
        {
            var writer = new PayloadWriter();
            foreach (var (text, number, bytes) in fields)
            {
                writer.Text(text);
                writer.Number(number);
                writer.Bytes(bytes);
            }

            var reader = new PayloadReader(writer.Written.ToArray());
            foreach (var (text, number, bytes) in fields)
            {
                Assert.That(reader.Text(), Is.EqualTo(System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text))));
                Assert.That(reader.Number(), Is.EqualTo(number));
                Assert.That(reader.Bytes().ToArray(), Is.EqualTo(bytes));
            }

            Assert.That(reader.AtEnd);
        });

    [Test]
    public void A_cleared_writer_writes_from_the_beginning()
    {
        var writer = new PayloadWriter();
        writer.Text("before");
        writer.Clear();
        writer.Number(5);

        Assert.That(writer.Written.ToArray(), Is.EqualTo(new byte[] { 5 }));
    }

    [Test]
    public void Fields_of_arbitrary_bytes_throw_InvalidDataException_and_nothing_else()
        => Gen.Select(Gen.OneOf(Gen.Byte, Gen.Const((byte)0xFF), Gen.Const((byte)0x7F)).Array[0, 24], Gen.Int[0, 3].Array[1, 6]).Sample(
            (bytes, kinds) => PayloadTests.ThrowsOnlyInvalidData(() =>
            {
                var reader = new PayloadReader(bytes);
                foreach (var kind in kinds)
                {
                    _ = kind switch { 0 => reader.Number(), 1 => reader.Int(), 2 => reader.Bytes().Length, _ => reader.Text().Length };
                }
            }),
            iter: 20_000);

    [Test]
    public void A_number_beyond_its_range_is_refused()
    {
        byte[] negative = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
        byte[] beyondInt = [0xFF, 0xFF, 0xFF, 0xFF, 0x7F];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => new PayloadReader(negative).Number(), Throws.TypeOf<InvalidDataException>());
            Assert.That(() => new PayloadReader(beyondInt).Int(), Throws.TypeOf<InvalidDataException>());
            Assert.That(() => new PayloadReader(negative).Bytes(), Throws.TypeOf<InvalidDataException>());
        }
    }
}
