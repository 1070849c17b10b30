using System.Text.Json;
using System.Text.Json.Nodes;

namespace BatchBus.Cli.RunPod;

/// <summary>Makes the endpoints of an account agree with their definitions, or says what that would take.</summary>
internal sealed class EndpointRollout(RunPodClient? client, Uri management, Secrets secrets, TextWriter output)
{
    private const int MostCreates = 3;

    /// <summary>Creates and changes what is needed.</summary>
    public async Task ApplyAsync(IReadOnlyList<EndpointDefinition> definitions, CancellationToken cancellationToken)
    {
        var endpoints = await client!.ListAsync(cancellationToken);
        foreach (var definition in definitions)
        {
            if (RunPodEndpoint.Find(endpoints, definition.Name) is { } endpoint)
            {
                await UpdateAsync(definition, endpoint, cancellationToken);
            }
            else
            {
                await CreateAsync(definition, cancellationToken);
            }
        }
    }

    /// <summary>Prints the requests that <see cref="ApplyAsync"/> would send, and returns how many there are.</summary>
    public async Task<int> PreviewAsync(IReadOnlyList<EndpointDefinition> definitions, CancellationToken cancellationToken)
    {
        var requests = 0;
        var endpoints = client is null ? [] : await client.ListAsync(cancellationToken);
        foreach (var definition in definitions)
        {
            if (RunPodEndpoint.Find(endpoints, definition.Name) is not { } endpoint)
            {
                requests++;
                Print("POST", "v2/serverless", definition.Shown);
            }
            else if (EndpointDifference.Between(definition, endpoint) is { IsEmpty: false } difference)
            {
                requests++;
                Print("PATCH", $"v2/serverless/{endpoint.Id}", difference.Shown);
            }
            else
            {
                Say($"{definition.Name} ({endpoint.Id}): nothing to do.");
            }
        }

        return requests;
    }

    private async Task CreateAsync(EndpointDefinition definition, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                var created = await client!.CreateAsync(definition.Name, definition.Body, cancellationToken);
                Say($"{definition.Name} ({created.Id}): created.");
                return;
            }
            catch (RunPodFailure failure) when (failure.MayHaveHappened)
            {
                // RunPod has no idempotency keys: only its list tells whether a second create would make a second endpoint.
                await client!.PauseAsync(cancellationToken);
                if (RunPodEndpoint.Find(await client.ListAsync(cancellationToken), definition.Name) is { } endpoint)
                {
                    Say($"{definition.Name} ({endpoint.Id}): created, although RunPod answered with an error.");
                    await UpdateAsync(definition, endpoint, cancellationToken);
                    return;
                }

                if (tries == MostCreates)
                {
                    throw;
                }
            }
        }
    }

    private async Task UpdateAsync(EndpointDefinition definition, RunPodEndpoint endpoint, CancellationToken cancellationToken)
    {
        var difference = EndpointDifference.Between(definition, endpoint);
        if (difference.IsEmpty)
        {
            Say($"{definition.Name} ({endpoint.Id}): nothing to do.");
            return;
        }

        await client!.UpdateAsync(endpoint, difference.Body, cancellationToken);
        Say($"{definition.Name} ({endpoint.Id}): changed.");
        foreach (var line in difference.Lines)
        {
            Say($"  {line}");
        }
    }

    private void Print(string method, string path, JsonObject body)
    {
        Say($"{method} {new Uri(management, path)}");
        foreach (var line in JsonSerializer.Serialize(body, JsonText.Indented).Split('\n'))
        {
            Say(line);
        }
    }

    private void Say(string line) => output.WriteLine(secrets.Hide(line));
}
