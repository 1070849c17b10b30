using System.Globalization;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Compact;
using Serilog.Formatting.Display;
using Serilog.Parsing;

namespace BatchBus.Host.Observability;

/// <summary>One JSON object per line, whose <c>@m</c> reads as the lines for people do: without quotes around each text.</summary>
internal sealed class PlainJsonFormatter : ITextFormatter
{
    private static readonly MessageTemplateTextFormatter Message = new("{Message:l}", CultureInfo.InvariantCulture);
    private static readonly RenderedCompactJsonFormatter Json = new();

    public void Format(LogEvent logEvent, TextWriter output)
    {
        using var message = new StringWriter(CultureInfo.InvariantCulture);
        Message.Format(logEvent, message);

        // The template keeps its own text, of which the type of event (@i) is made.
        var template = new MessageTemplate(logEvent.MessageTemplate.Text, [new TextToken(message.ToString())]);
        var properties = logEvent.Properties.Select(property => new LogEventProperty(property.Key, property.Value));
        Json.Format(new LogEvent(logEvent.Timestamp, logEvent.Level, logEvent.Exception, template, properties, logEvent.TraceId ?? default, logEvent.SpanId ?? default), output);
    }
}
