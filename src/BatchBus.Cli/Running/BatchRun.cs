using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using BatchBus.Api.Keys;
using BatchBus.Cli.Batches;
using BatchBus.Contracts;
using BatchBus.Host;
using BatchBus.Inference.Catalog;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Schedule;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace BatchBus.Cli.Running;

/// <summary>Runs one file: starts BatchBus in this process, submits or resumes, follows, writes the results, sums up.</summary>
internal sealed class BatchRun(RunOptions options, IAnsiConsole console, TimeProvider time)
{
    private const string Workspace = "default";

    private readonly HashSet<string> _unused = new(StringComparer.OrdinalIgnoreCase);

    public async Task<int> ExecuteAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await RunAsync(cancellationToken);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Whatever broke while the host was stopping broke because of it.
            await Console.Error.WriteLineAsync("Interrupted. Start the same command again to resume.");
            return ExitCodes.Failed;
        }
        catch (CommandFailure failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return ExitCodes.Failed;
        }
        catch (DataFolderInUseException inUse)
        {
            await Console.Error.WriteLineAsync(
                $"Another BatchBus process uses the data folder {inUse.Directory}. If it is a server, give it the file: batchbus submit {options.File} --wait. "
                + "Or choose another folder with --data DIR.");
            return ExitCodes.Failed;
        }
        catch (Exception exception) when (StartFailure.Explain(exception) is { } explanation)
        {
            await Console.Error.WriteLineAsync(explanation);
            return ExitCodes.Failed;
        }
    }

    private async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var file = await RequestFile.CheckAsync(options.File, cancellationToken);
        CheckOutput();
        var apiKey = ApiKey.New();
        await using var app = await BatchBusHost.BuildAsync([], configuration => configuration.AddInMemoryCollection(Settings(apiKey)));
        var catalog = app.Services.GetRequiredService<ModelCatalog>();
        var key = KeyOf(file, catalog);
        var ledger = new RunLedger(app.Services.GetRequiredService<HostSettings>().DataDirectory, key);

        // Before the host starts nothing moves, so a batch that was created without being recorded is still on the schedule.
        var record = await SettleAsync(ledger.Read(), file, app.Services);
        await app.StartAsync(cancellationToken);
        try
        {
            using var client = new BatchClient(app.Urls.First(), apiKey, time);
            record = await SubmitOrResumeAsync(record, file, ledger, key, client, cancellationToken);
            return await FollowAsync(record, ledger, client, cancellationToken);
        }
        finally
        {
            await app.StopAsync(CancellationToken.None);
        }
    }

    private void CheckOutput()
    {
        if (options.Output == Path.GetFullPath(options.File))
        {
            throw new CommandFailure($"The results would replace {options.File} itself. Choose another --output.");
        }

        if (!Directory.Exists(Path.GetDirectoryName(options.Output)) || Directory.Exists(options.Output))
        {
            throw new CommandFailure($"The results cannot go to {options.Output}: --output names a file in a folder that exists.");
        }
    }

    private Dictionary<string, string?> Settings(string apiKey)
    {
        var settings = new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["ConnectionStrings:RabbitMq"] = "",
            ["ConnectionStrings:Redis"] = "",
            [HostSettings.RolesSetting] = "",
            ["BatchBus:LogLevel"] = "Warning",
            [HostSettings.LogFormatSetting] = "text",

            // A key of its own beside those that are configured: nobody else on this machine gets in while it runs.
            [$"{ApiKeyOptions.Section}:run:Workspace"] = Workspace,
            [$"{ApiKeyOptions.Section}:run:Hash"] = ApiKey.Hash(apiKey),
        };
        if (options.DataDirectory is not null)
        {
            settings["BatchBus:DataDirectory"] = options.DataDirectory;
        }

        foreach (var (model, address) in options.Endpoints)
        {
            settings[$"{ModelOptions.SectionName}:{model}:BaseUrl"] = address;
            settings[$"{ModelOptions.SectionName}:{model}:Protocol"] = nameof(ModelProtocol.OpenAi);
        }

        foreach (var (model, name) in options.ServedModels)
        {
            settings[$"{ModelOptions.SectionName}:{model}:ServedModel"] = name;
        }

        return settings;
    }

    /// <summary>
    /// Names the run: the same requests with the same stage, and the same models simulated, for simulated answers are never what a
    /// later run with real models is after.
    /// </summary>
    private string KeyOf(RequestFile file, ModelCatalog catalog)
    {
        var simulated = catalog.Models.Where(model => model.IsSimulated).Select(model => model.Name).Order(StringComparer.Ordinal);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{file.Hash}\n{options.Stage}\n{string.Join(',', simulated)}")));
    }

    /// <summary>Finds the batch of a create that was interrupted before its answer was recorded, if it took effect.</summary>
    private async Task<RunRecord?> SettleAsync(RunRecord? record, RequestFile file, IServiceProvider services)
    {
        if (record is not { BatchId: null })
        {
            return record;
        }

        var batches = services.GetRequiredService<BatchStore>();
        foreach (var id in await services.GetRequiredService<BatchSchedule>().AllAsync())
        {
            if (await batches.FindAsync(id) is { } batch
                && batch.Workspace == Workspace && batch.Stage == options.Stage && batch.Total == file.Count && batch.CreatedAt >= record.SubmittedAt)
            {
                return record with { BatchId = BatchId.Format(id) };
            }
        }

        return record;
    }

    private async Task<RunRecord> SubmitOrResumeAsync(
        RunRecord? earlier, RequestFile file, RunLedger ledger, string key, BatchClient client, CancellationToken cancellationToken)
    {
        if (earlier?.BatchId is { } id && await client.FindStatusAsync(id, cancellationToken) is { } status)
        {
            if (status != "ended")
            {
                console.WriteLine($"Resuming {id} ({file.Name}).");
                return earlier;
            }

            if (!options.Again)
            {
                // Whoever served from this data folder in the meantime has gone on with what an interrupted run left.
                console.WriteLine($"{(earlier.IsWritten ? $"{file.Name} has been run before ({id})" : $"{id} ({file.Name}) has ended meanwhile")}. These are its results; --again runs it anew.");
                return earlier;
            }
        }

        var repeat = earlier is null ? 0 : earlier.BatchId is null ? earlier.Repeat : earlier.Repeat + 1;
        var record = new RunRecord { Repeat = repeat, SubmittedAt = time.GetUtcNow() };
        ledger.Write(record);
        try
        {
            var idempotencyKey = repeat == 0 ? key : string.Create(CultureInfo.InvariantCulture, $"{key}-{repeat}");
            record = record with { BatchId = BatchCommand.IdOf(await client.CreateAsync(file, options.Stage, idempotencyKey, cancellationToken)) };
        }
        catch (CommandFailure)
        {
            // Refused, so there is no batch to look for.
            ledger.Restore(earlier);
            throw;
        }

        ledger.Write(record);
        console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Submitted {record.BatchId} ({file.Name}, {file.Count:N0} {(file.Count == 1 ? "request" : "requests")})."));
        return record;
    }

    private async Task<int> FollowAsync(RunRecord record, RunLedger ledger, BatchClient client, CancellationToken cancellationToken)
    {
        var id = record.BatchId!;
        var ended = await new ProgressDisplay(console, time, obstacles: null).ShowAsync(client.FollowAsync(id, cancellationToken).Select(update => Check(update.Progress())), cancellationToken);
        var counts = await ResultsFile.WriteAsync(client.ResultLinesAsync(id, partial: false, from: 0, cancellationToken), options.Output, cancellationToken);
        ledger.Write(record with { IsWritten = true });

        new Summary(console, "set --endpoint").Show(ended);
        console.WriteLine($"{counts.Outcome}: {options.Output}");
        if (counts.AllSucceeded)
        {
            return ExitCodes.Succeeded;
        }

        await Console.Error.WriteLineAsync("Not succeeded, the first of them:");
        foreach (var (customId, message) in counts.Failures)
        {
            await Console.Error.WriteLineAsync($"  {customId}: {message}");
        }

        return ExitCodes.SomeNotSucceeded;
    }

    /// <summary>Tells once of models that were given a server and get no request, as a name that is misspelled.</summary>
    private BatchProgress Check(BatchProgress progress)
    {
        var used = progress.Models.Select(model => model.Model).ToList();
        if (used.Count == 0)
        {
            return progress;
        }

        foreach (var model in options.Endpoints.Keys.Concat(options.ServedModels.Keys).Except(used, StringComparer.OrdinalIgnoreCase).Where(_unused.Add))
        {
            console.WriteLine($"{model}: no request of {Path.GetFileName(options.File)} goes to this model, so its --endpoint is of no use. They go to {string.Join(" and ", used)}.");
        }

        return progress;
    }
}
