using BatchBus.Simulator.Jobs;

namespace BatchBus.Simulator.Tests;

public sealed class WorkerErrorTests
{
    // Expected values are what Python 3 prints.
    [TestCase("plain", "'plain'")]
    [TestCase("it's", "\"it's\"")]
    [TestCase("say \"so\"", "'say \"so\"'")]
    [TestCase("it's \"so\"", @"'it\'s ""so""'")]
    [TestCase("a\\b\n\t\r", @"'a\\b\n\t\r'")]
    [TestCase("\u0001\u007f", @"'\x01\x7f'")]
    [TestCase("Kaş é", "'Kaş é'")]
    public void Quote_writes_as_Python_does(string text, string expected) => Assert.That(WorkerError.Quote(text), Is.EqualTo(expected));
}
