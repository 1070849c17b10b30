using System.CommandLine;

namespace BatchBus.Cli.RunPod;

/// <summary><c>batchbus runpod</c>: the model endpoints on RunPod Serverless, as files define them.</summary>
internal static class RunPodCommand
{
    public static Command Create() => new(
        "runpod",
        $"Model endpoints on RunPod Serverless. The key is read from {RunPodAccess.KeyVariable}.") { CreateApply(), CreateStatus(), CreateDelete() };

    private static Command CreateApply()
    {
        var files = new Argument<string[]>("FILE")
        {
            Description = "Definitions: each the body of RunPod's POST /v2/serverless, with ${NAME} in env for what the environment holds. [default: infra/runpod/*.json]",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Prints the requests that would change something, and sends none of them." };
        var command = new Command(
            "apply",
            """
            Creates the endpoints that are missing, and changes on those that exist what differs from their files. Fields that
            a file does not set stay as they are.

            Exit code: 0 when done or when nothing differs, 1 on failure; with --dry-run, 2 when something would change.
            """)
        {
            files,
            dryRun,
        };
        command.SetAction((result, cancellationToken) => RunAsync(() => ApplyAsync(result.GetValue(files)!, result.GetValue(dryRun), cancellationToken), cancellationToken));
        return command;
    }

    private static Command CreateStatus()
    {
        var names = new Argument<string[]>("NAME") { Description = "Endpoints to show. [default: every endpoint of the account]", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("status", "Shows workers and jobs of endpoints, and the settings that point BatchBus at them.") { names };
        command.SetAction((result, cancellationToken) => RunAsync(() => ShowStatusAsync(result.GetValue(names)!, cancellationToken), cancellationToken));
        return command;
    }

    private static Command CreateDelete()
    {
        var names = new Argument<string[]>("NAME") { Description = "Endpoints to delete.", Arity = ArgumentArity.OneOrMore };
        var yes = new Option<bool>("--yes") { Description = "Deletes without asking; needed where there is no terminal to ask on." };
        var command = new Command("delete", "Deletes endpoints: their workers stop, their waiting and running jobs are cancelled.") { names, yes };
        command.SetAction((result, cancellationToken) => RunAsync(() => DeleteAsync(result.GetValue(names)!, result.GetValue(yes), cancellationToken), cancellationToken));
        return command;
    }

    private static async Task<int> ApplyAsync(string[] files, bool isDryRun, CancellationToken cancellationToken)
    {
        var secrets = new Secrets();
        var access = RunPodAccess.FromEnvironment();
        var definitions = EndpointDefinition.ReadAll(files, secrets);
        using var client = access.Key is null && isDryRun ? null : new RunPodClient(access, secrets, TimeProvider.System);
        var rollout = new EndpointRollout(client, access.Management, secrets, Console.Out);
        if (!isDryRun)
        {
            await rollout.ApplyAsync(definitions, cancellationToken);
            return ExitCodes.Succeeded;
        }

        var requests = await rollout.PreviewAsync(definitions, cancellationToken);
        if (client is null)
        {
            Console.WriteLine($"Without {RunPodAccess.KeyVariable} there was nothing to compare with: this is what an empty account would be sent.");
        }

        Console.WriteLine(requests == 0 ? "Dry run: nothing to do." : $"Dry run: {requests} {(requests == 1 ? "request" : "requests")} not sent.");
        return requests == 0 ? ExitCodes.Succeeded : ExitCodes.WouldChange;
    }

    private static async Task<int> ShowStatusAsync(string[] names, CancellationToken cancellationToken)
    {
        using var client = Connect();
        var endpoints = await client.ListAsync(cancellationToken);
        if (endpoints.Count == 0)
        {
            Console.WriteLine("The account has no endpoints. `batchbus runpod apply` creates them.");
            return ExitCodes.Succeeded;
        }

        await new EndpointStatus(client, Terminal.Output(), Console.Out).ShowAsync(names.Length == 0 ? endpoints : Pick(endpoints, names), cancellationToken);
        return ExitCodes.Succeeded;
    }

    private static async Task<int> DeleteAsync(string[] names, bool isConfirmed, CancellationToken cancellationToken)
    {
        if (!isConfirmed && Console.IsInputRedirected)
        {
            throw new RunPodFailure("There is no terminal to ask on. Confirm with --yes; nothing was deleted.");
        }

        using var client = Connect();
        foreach (var endpoint in Pick(await client.ListAsync(cancellationToken), names))
        {
            if (!isConfirmed)
            {
                Console.Write($"Delete {endpoint.Name} ({endpoint.Id})? Its workers stop, its waiting and running jobs are cancelled. [y/N] ");
                if (Console.ReadLine()?.Trim() is not ("y" or "Y" or "yes"))
                {
                    Console.WriteLine($"{endpoint.Name} ({endpoint.Id}): kept.");
                    continue;
                }
            }

            await client.DeleteAsync(endpoint, cancellationToken);
            Console.WriteLine($"{endpoint.Name} ({endpoint.Id}): deleted.");
        }

        return ExitCodes.Succeeded;
    }

    private static RunPodClient Connect() => new(RunPodAccess.FromEnvironment(), new Secrets(), TimeProvider.System);

    private static List<RunPodEndpoint> Pick(IReadOnlyList<RunPodEndpoint> endpoints, IEnumerable<string> names) =>
    [
        .. names.Distinct().Select(name => RunPodEndpoint.Find(endpoints, name) ?? throw new RunPodFailure(
            $"There is no endpoint named {name}; the account has {(endpoints.Count == 0 ? "none" : string.Join(", ", endpoints.Select(endpoint => endpoint.Name)))}.")),
    ];

    private static async Task<int> RunAsync(Func<Task<int>> command, CancellationToken cancellationToken)
    {
        try
        {
            return await command();
        }
        catch (RunPodFailure failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Interrupted. Start the same command again to finish what is left.");
            return ExitCodes.Failed;
        }
    }
}
