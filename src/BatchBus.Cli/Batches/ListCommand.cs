using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace BatchBus.Cli.Batches;

/// <summary><c>batchbus list</c>: the batches of the key's workspace.</summary>
internal static class ListCommand
{
    private const int DefaultLimit = 20;
    private const int MostAtOnce = 1000;

    public static Command Create()
    {
        var limit = new Option<int>("--limit") { Description = "Most batches to show.", HelpName = "N", DefaultValueFactory = _ => DefaultLimit };
        limit.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--limit is less than 1. Give the number of batches to show.");
            }
        });
        var open = new Option<bool>("--open") { Description = "Only batches that have not ended." };
        var server = ServerAccess.AddressOption();
        var json = ServerAccess.JsonOption("Prints the batch objects, one on each line.");
        var command = new Command(
            "list",
            $"""
            Lists the batches of the key's workspace, newest first. {ServerAccess.Help}

            Exit code: 0 when it was listed, also when there are none,
            {ExitCodes.Help}
            """)
        {
            limit,
            open,
            server,
            json,
        };
        command.SetAction((result, cancellationToken) => BatchCommand.RunAsync(
            result.GetValue(server),
            async client =>
            {
                var onlyOpen = result.GetValue(open);
                var most = result.GetValue(limit);

                // Open batches may lie far down, and many in a row may have ended.
                var batches = await client.ListAsync(onlyOpen ? MostAtOnce : most, cancellationToken)
                    .Where(batch => !onlyOpen || StatusOf(batch) != "ended")
                    .Take(most)
                    .ToListAsync(cancellationToken);
                if (result.GetValue(json))
                {
                    batches.ForEach(BatchCommand.Print);
                }
                else if (batches.Count == 0)
                {
                    Console.WriteLine(onlyOpen ? "No batch is open." : "There are no batches. `batchbus submit FILE` makes one.");
                }
                else
                {
                    Show(batches);
                }

                return ExitCodes.Succeeded;
            },
            cancellationToken));
        return command;
    }

    private static string StatusOf(JsonElement batch) => batch.GetProperty("processing_status").GetString()!;

    private static void Show(List<JsonElement> batches)
    {
        var now = TimeProvider.System.GetUtcNow();
        var table = new Table().Border(TableBorder.None).AddColumns("batch", "status", "requests", "failed", "created");
        table.Columns[2].Alignment = table.Columns[3].Alignment = table.Columns[4].Alignment = Justify.Right;
        foreach (var column in table.Columns)
        {
            column.NoWrap = true;
        }

        foreach (var batch in batches)
        {
            var total = BatchCommand.TotalOf(batch);
            var failed = StatusOf(batch) == "ended" ? total - BatchCommand.CountOf(batch, "succeeded") : (int?)null;
            table.AddRow(
                BatchCommand.IdOf(batch),
                StatusOf(batch),
                total.ToString("N0", CultureInfo.InvariantCulture),
                failed switch { null => "", 0 => "0", { } number => $"[red]{number.ToString("N0", CultureInfo.InvariantCulture)}[/]" },
                Age(now - batch.GetProperty("created_at").GetDateTimeOffset()));
        }

        Terminal.Output().Write(new Unpadded(table));
    }

    private static string Age(TimeSpan age) => age switch
    {
        { TotalSeconds: < 60 } => "now",
        { TotalMinutes: < 60 } => string.Create(CultureInfo.InvariantCulture, $"{age.TotalMinutes:0} min ago"),
        { TotalHours: < 48 } => string.Create(CultureInfo.InvariantCulture, $"{age.TotalHours:0} h ago"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{age.TotalDays:0} days ago"),
    };
}
