using System.Net.Sockets;
using System.Text.Json;

namespace BatchBus.Cli.Doctor;

/// <summary>What a running server says of itself, or whether one could listen.</summary>
/// <param name="address">Where it is.</param>
/// <param name="isExpected">Whether it was named, and so should be there.</param>
internal sealed class ServerCheck(string address, bool isExpected)
{
    private const string Name = "server";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    public async Task<IReadOnlyList<Finding>> RunAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = Patience };
        try
        {
            using var response = await http.GetAsync(new Uri($"{address.TrimEnd('/')}/health/ready"), cancellationToken);
            using var health = JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
            return health.RootElement.ValueKind is JsonValueKind.Object && health.RootElement.TryGetProperty("parts", out var parts) ? Read(parts) : [Stranger()];
        }
        catch (JsonException)
        {
            return [Stranger()];
        }
        catch (HttpRequestException exception) when (exception.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
        {
            return
            [
                isExpected
                    ? Finding.Problem(Name, $"No server answers at {address}.", "Start it with `batchbus serve`, or name another address with --server or BATCHBUS_URL.")
                    : Finding.Ok(Name, $"No server runs at {address}; the port is free. `batchbus serve` starts one."),
            ];
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && exception is HttpRequestException or OperationCanceledException)
        {
            var cause = exception is HttpRequestException failure ? (failure.InnerException ?? failure).Message.TrimEnd('.') : $"no answer within {Patience.TotalSeconds:0} s";
            return [Finding.Problem(Name, $"The server at {address} cannot be asked ({cause}).", "Check the address, and the log of the process that listens there.")];
        }
    }

    private Finding Stranger() => Finding.Problem(Name, $"What answers at {address} is not BatchBus.", "Stop it, or let BatchBus listen elsewhere with --urls.");

    private List<Finding> Read(JsonElement parts)
    {
        var findings = new List<Finding>();
        foreach (var part in parts.EnumerateObject())
        {
            if (TextOf(part.Value, "status") != "ready")
            {
                findings.Add(Finding.Problem(
                    Name,
                    $"The server at {address} says of {part.Name}: {TextOf(part.Value, "description") ?? "not ready"}",
                    TextOf(part.Value, "remedy") ?? "See the check of it here, and the server's log."));
            }
        }

        return findings.Count > 0 ? findings : [Finding.Ok(Name, $"The server at {address} is ready.")];
    }

    private static string? TextOf(JsonElement part, string name)
        => part.TryGetProperty(name, out var text) && text.ValueKind is JsonValueKind.String ? text.GetString() : null;
}
