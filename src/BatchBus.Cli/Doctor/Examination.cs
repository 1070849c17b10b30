using BatchBus.Cli.Batches;
using BatchBus.Host;

namespace BatchBus.Cli.Doctor;

/// <summary>All checks: the settings first, then what they name, at the same time.</summary>
/// <param name="settings">From the command line, as for <c>serve</c>.</param>
/// <param name="server">The server that was named; null where none was.</param>
/// <param name="time">This machine's clock.</param>
internal sealed class Examination(string[] settings, string? server, TimeProvider time)
{
    public async Task<IReadOnlyList<Finding>> RunAsync(CancellationToken cancellationToken)
    {
        var findings = new List<Finding> { MachineChecks.Program() };
        InspectedSettings inspected;
        try
        {
            inspected = BatchBusHost.Inspect(settings);
        }
        catch (Exception exception) when (StartFailure.Explain(exception) is not null)
        {
            findings.Add(Finding.Problem("settings", exception.Message, "Mend that setting, then run this again: what the settings name was not looked at."));
            findings.AddRange(server is null ? [] : await new ServerCheck(server, isExpected: true).RunAsync(cancellationToken));
            return findings;
        }

        var host = inspected.Host;
        var roles = string.Join(", ", host.Roles.Order().Select(role => role.ToString().ToLowerInvariant()));
        findings.Add(Finding.Ok("settings", $"The settings allow a start, as {roles}, {(host.IsEmbedded ? "with everything embedded" : "on RabbitMQ and Redis")}."));
        List<Task<IReadOnlyList<Finding>>> checks = host.IsEmbedded
            ? [Task.FromResult<IReadOnlyList<Finding>>([MachineChecks.DataFolder(host.DataDirectory)])]
            : [new RedisChecks(host.Redis!, time).RunAsync(), new RabbitMqChecks(host.RabbitMq!, [.. inspected.Models.Select(model => model.Name)]).RunAsync(cancellationToken)];
        checks.Add(new EndpointChecks(inspected).RunAsync(cancellationToken));
        if (server is not null || LocalAddress(inspected.Urls) is not null)
        {
            checks.Add(new ServerCheck(server ?? LocalAddress(inspected.Urls)!, isExpected: server is not null).RunAsync(cancellationToken));
        }

        foreach (var check in checks)
        {
            findings.AddRange(await check);
        }

        return findings;
    }

    /// <summary>The first address to listen on, as this machine reaches it; null where it takes any free port.</summary>
    private static string? LocalAddress(string urls)
    {
        var url = urls.Split(';', StringSplitOptions.TrimEntries)[0].Replace("*", "127.0.0.1", StringComparison.Ordinal).Replace("+", "127.0.0.1", StringComparison.Ordinal);
        return Uri.TryCreate(url.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal).Replace("[::]", "127.0.0.1", StringComparison.Ordinal), UriKind.Absolute, out var address) && address.Port > 0
            ? address.GetLeftPart(UriPartial.Authority)
            : null;
    }
}
