using System.Collections;
using System.Reflection;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using MassTransit;
using MassTransit.Context;
using MassTransit.RabbitMqTransport;
using MassTransit.Serialization;

namespace BatchBus.Contracts.Tests;

/// <summary>
/// What services that are already deployed rely on: exchanges, URNs and JSON of every message. A failure here means that they would no
/// longer understand; a new member is approved by copying what the failure shows into <c>Messages.approved.txt</c>.
/// </summary>
public sealed class ApprovalTests
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly IReadOnlyList<Type> Records =
        [.. typeof(BatchId).Assembly.GetExportedTypes().Where(type => type is { IsEnum: false, IsAbstract: false }).OrderBy(type => type.Name, StringComparer.Ordinal)];

    [Test]
    public void Messages_are_on_the_wire_as_approved()
    {
        var text = new StringBuilder();
        foreach (var sample in Samples.All)
        {
            var envelope = Envelope(sample);
            text.Append(sample.GetType().Name).Append('\n')
                .Append("exchange ").Append(new RabbitMqMessageNameFormatter().GetMessageName(sample.GetType())).Append('\n');
            foreach (var urn in envelope.GetProperty("messageType").EnumerateArray())
            {
                text.Append("type ").Append(urn.GetString()).Append('\n');
            }

            text.Append(JsonSerializer.Serialize(envelope.GetProperty("message"), Readable)).Append("\n\n");
        }

        var approved = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Messages.approved.txt"));
        Assert.That(text.ToString().TrimEnd('\n'), Is.EqualTo(approved.TrimEnd('\n')), text.ToString());
    }

    [Test]
    public void Every_member_of_every_record_is_filled_somewhere()
    {
        var filled = new HashSet<PropertyInfo>();
        foreach (var sample in Samples.All)
        {
            Collect(sample, filled);
        }

        Assert.That(Records, Is.Not.Empty);
        Assert.That(Records.SelectMany(type => type.GetProperties()).Except(filled).Select(property => $"{property.DeclaringType!.Name}.{property.Name}"), Is.Empty);
    }

    [Test]
    public void Every_message_is_read_as_it_was_written()
    {
        foreach (var sample in Samples.All)
        {
            var written = Envelope(sample).GetProperty("message");

            var read = written.Deserialize(sample.GetType(), SystemTextJsonMessageSerializer.Options);

            Assert.That(JsonElement.DeepEquals(JsonSerializer.SerializeToElement(read, sample.GetType(), SystemTextJsonMessageSerializer.Options), written), Is.True, sample.GetType().Name);
        }
    }

    private static void Collect(object value, HashSet<PropertyInfo> filled)
    {
        foreach (var property in value.GetType().GetProperties())
        {
            var member = property.GetValue(value);
            if (member is null || (property.PropertyType.IsValueType && member.Equals(Activator.CreateInstance(property.PropertyType))))
            {
                continue;
            }

            filled.Add(property);
            foreach (var part in member is IEnumerable and not string ? ((IEnumerable)member).Cast<object>() : [member])
            {
                if (Records.Contains(part.GetType()))
                {
                    Collect(part, filled);
                }
            }
        }
    }

    private static JsonElement Envelope(object message)
        => (JsonElement)typeof(ApprovalTests).GetMethod(nameof(EnvelopeOf), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(message.GetType()).Invoke(null, [message])!;

    private static JsonElement EnvelopeOf<T>(T message)
        where T : class
    {
        var context = new MessageSendContext<T>(message);
        return JsonElement.Parse(SystemTextJsonMessageSerializer.Instance.GetMessageBody(context).GetBytes());
    }
}
