using System.Text.Json;
using BatchBus.Host.Observability;
using Serilog;
using Serilog.Events;

namespace BatchBus.Host.Tests.Observability;

public sealed class PlainJsonFormatterTests
{
    [Test]
    public void The_message_reads_as_for_people_and_the_rest_is_as_serilog_writes_it()
    {
        using var plain = new StringWriter();
        using var usual = new StringWriter();
        using var log = new LoggerConfiguration().WriteTo.Sink(new Both(plain, usual)).CreateLogger();

        log.Warning(new InvalidOperationException("broken"), "{BatchId} took {Seconds:0.0} s for {Model} ({Level})", "msgbatch_1", 1.5, "mistral-7b", LogEventLevel.Debug);

        var (ours, theirs) = (Fields(plain), Fields(usual));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ours["@m"], Is.EqualTo("msgbatch_1 took 1.5 s for mistral-7b (Debug)"));
            Assert.That(theirs["@m"], Does.StartWith("\"msgbatch_1\""), "what is not wanted");
            Assert.That(ours.Where(field => field.Key != "@m"), Is.EqualTo(theirs.Where(field => field.Key != "@m")));
        }
    }

    private static Dictionary<string, string> Fields(StringWriter line)
        => JsonDocument.Parse(line.ToString()).RootElement.EnumerateObject().ToDictionary(field => field.Name, field => field.Value.ToString());

    private sealed class Both(TextWriter plain, TextWriter usual) : Serilog.Core.ILogEventSink
    {
        public void Emit(LogEvent logEvent)
        {
            new PlainJsonFormatter().Format(logEvent, plain);
            new Serilog.Formatting.Compact.RenderedCompactJsonFormatter().Format(logEvent, usual);
        }
    }
}
