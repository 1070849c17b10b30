using System.Globalization;
using Spectre.Console;

namespace BatchBus.Cli.RunPod;

/// <summary>Shows what endpoints are doing and how BatchBus is pointed at them.</summary>
internal sealed class EndpointStatus(RunPodClient client, IAnsiConsole console, TextWriter output)
{
    public async Task ShowAsync(IReadOnlyList<RunPodEndpoint> endpoints, CancellationToken cancellationToken)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("endpoint", "id", "workers", "jobs waiting", "jobs running");
        table.Columns[3].Alignment = table.Columns[4].Alignment = Justify.Right;
        var warnings = new List<string>();
        foreach (var endpoint in endpoints)
        {
            var workers = await client.CountWorkersAsync(endpoint, cancellationToken);
            var jobs = endpoint.HasQueue ? await client.CountJobsAsync(endpoint, cancellationToken) : new Dictionary<string, long>();
            var states = workers.Where(state => state is { Key: not "total", Value: > 0 }).Select(state => $"{state.Value} {state.Key}").ToList();
            table.AddRow(new[]
            {
                endpoint.Name, endpoint.Id, states.Count == 0 ? "none" : string.Join(", ", states), Number(jobs, "inQueue"), Number(jobs, "inProgress"),
            }.Select(Markup.Escape).ToArray());
            if (endpoint.MostWorkers == 0)
            {
                warnings.Add($"{endpoint.Name} may have no workers (its maximum is 0, as RunPod sets it after seven days without a job): `batchbus runpod apply` restores it.");
            }
            else if (states.Count == 0 && jobs.GetValueOrDefault("inQueue") > 0)
            {
                warnings.Add($"{endpoint.Name} has jobs waiting and no worker: its GPUs may be sold out, or the account's limit of workers or balance is used up.");
            }
        }

        console.Write(table);
        foreach (var warning in warnings)
        {
            await output.WriteLineAsync(warning);
        }

        var settings = endpoints.Where(endpoint => endpoint.ServedModel is not null).Select(endpoint => $"BatchBus__Models__{endpoint.ServedModel}__EndpointId={endpoint.Id}").ToList();
        if (settings.Count > 0)
        {
            await output.WriteLineAsync("Settings of BatchBus (each model's key goes into BatchBus__Models__<model>__ApiKey):");
            settings.ForEach(output.WriteLine);
        }
    }

    private static string Number(IReadOnlyDictionary<string, long> counts, string state)
        => counts.TryGetValue(state, out var count) ? count.ToString("N0", CultureInfo.InvariantCulture) : "–";
}
