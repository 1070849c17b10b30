using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace BatchBus.Cli.Doctor;

/// <summary>Whether RabbitMQ can be reached, and whether anything lies in its queues that should not.</summary>
/// <param name="address">As the setting has it.</param>
/// <param name="models">The models, each of which has a queue.</param>
internal sealed class RabbitMqChecks(string address, IReadOnlyList<string> models)
{
    private const string Name = "rabbitmq";
    private const string Queues = "queues";
    private const string Setting = "ConnectionStrings__RabbitMq";
    private const ushort NotFound = 404;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    public async Task<IReadOnlyList<Finding>> RunAsync(CancellationToken cancellationToken)
    {
        // The bus takes names of its own for the schemes, which the client does not know.
        var uri = new Uri(address.StartsWith("rabbitmq", StringComparison.OrdinalIgnoreCase) ? $"amqp{address["rabbitmq".Length..]}" : address);
        var shown = $"{uri.Host}:{(uri.Port > 0 ? uri.Port : 5672)}";
        var factory = new ConnectionFactory
        {
            Uri = uri,
            AutomaticRecoveryEnabled = false,
            ClientProvidedName = "batchbus-doctor",
            ContinuationTimeout = Patience,
            HandshakeContinuationTimeout = Patience,
            RequestedConnectionTimeout = Patience,
        };
        try
        {
            await using var connection = await factory.CreateConnectionAsync(cancellationToken);
            var version = connection.ServerProperties?.TryGetValue("version", out var value) is true && value is byte[] text ? Encoding.UTF8.GetString(text) : "of an unknown version";
            return [Finding.Ok(Name, $"RabbitMQ {version} answers at {shown}."), .. await QueuesAsync(connection, cancellationToken)];
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && exception is RabbitMQClientException or IOException or TimeoutException or OperationCanceledException)
        {
            return [Explain(exception, factory, shown)];
        }
    }

    private static Finding Explain(Exception exception, ConnectionFactory factory, string shown)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case AuthenticationFailureException or PossibleAuthenticationFailureException:
                    return Finding.Problem(
                        Name, $"RabbitMQ at {shown} refuses the user {factory.UserName} or its password.", $"Set both in {Setting}, or make the user: `rabbitmqctl add_user {factory.UserName} …`.");
                case OperationInterruptedException { ShutdownReason.ReplyCode: 530 }:
                    return Finding.Problem(
                        Name,
                        $"RabbitMQ at {shown} does not let the user {factory.UserName} into the virtual host {factory.VirtualHost}, or has none of that name.",
                        $"Make it (`rabbitmqctl add_vhost`) and allow it (`rabbitmqctl set_permissions`), or mend {Setting}.");
            }
        }

        return Finding.Problem(
            Name,
            $"RabbitMQ cannot be reached at {shown}.",
            $"Start it (`systemctl start rabbitmq-server`, `docker compose up -d rabbitmq`), or mend {Setting}. Batches are taken in meanwhile and wait; nothing is lost.");
    }

    private async Task<IReadOnlyList<Finding>> QueuesAsync(IConnection connection, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        var present = 0;
        foreach (var queue in models.Select(model => $"model-{model}").Concat(["batch-state", "submit-batch"]))
        {
            if (await LookAsync(connection, queue, cancellationToken) is { } state)
            {
                present++;
                if (state is { ConsumerCount: 0, MessageCount: > 0 })
                {
                    findings.Add(Finding.Problem(
                        Queues,
                        Text($"{state.MessageCount:N0} {Messages(state.MessageCount)} in {queue}, and no process takes {(state.MessageCount == 1 ? "it" : "them")}."),
                        $"Start a process with the role {RoleOf(queue)}."));
                }
            }

            if (await LookAsync(connection, $"{queue}_error", cancellationToken) is { MessageCount: > 0 } failed)
            {
                findings.Add(Finding.Warning(
                    Queues,
                    Text($"{failed.MessageCount:N0} {Messages(failed.MessageCount)} in {queue}_error: BatchBus could not handle them, which is a fault of it."),
                    "Look at their headers MT-Fault-Message and at the log of that time, and report it. The batches themselves go on; the messages may be purged."));
            }

            if (await LookAsync(connection, $"{queue}_skipped", cancellationToken) is { MessageCount: > 0 } skipped)
            {
                findings.Add(Finding.Warning(
                    Queues,
                    Text($"{skipped.MessageCount:N0} {Messages(skipped.MessageCount)} in {queue}_skipped: nobody knows their kind."),
                    "Find out which program sends to that queue. They may be purged."));
            }
        }

        return findings.Count > 0 ? findings
            : [Finding.Ok(Queues, present == 0 ? "No queue is there yet; the first process makes them." : Text($"{present} queues, none with messages that failed or that nobody takes."))];
    }

    /// <summary>A queue as it is now; null where there is none. Asking for one that is not there ends the channel.</summary>
    private static async Task<QueueDeclareOk?> LookAsync(IConnection connection, string queue, CancellationToken cancellationToken)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        try
        {
            return await channel.QueueDeclarePassiveAsync(queue, cancellationToken);
        }
        catch (OperationInterruptedException exception) when (exception.ShutdownReason?.ReplyCode == NotFound)
        {
            return null;
        }
    }

    private static string RoleOf(string queue) => queue switch
    {
        "batch-state" => "orchestrator",
        "submit-batch" => "api",
        _ => "worker",
    };

    private static string Messages(uint count) => count == 1 ? "message is" : "messages are";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
