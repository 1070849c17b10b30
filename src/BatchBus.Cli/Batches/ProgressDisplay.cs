using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace BatchBus.Cli.Batches;

/// <summary>Shows a batch under way: on a terminal a live bar per model, otherwise a line every few seconds.</summary>
internal sealed class ProgressDisplay(IAnsiConsole console, TimeProvider time)
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(2);

    /// <summary>Shows the updates until they end, and returns the last.</summary>
    public async Task<BatchProgress> ShowAsync(IAsyncEnumerable<BatchProgress> updates, CancellationToken cancellationToken)
        => console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi
            ? await ShowBarsAsync(updates)
            : await ShowLinesAsync(updates, cancellationToken);

    private async Task<BatchProgress> ShowBarsAsync(IAsyncEnumerable<BatchProgress> updates)
    {
        // A log line that is written past the console would tear the bars apart.
        var errors = Console.Error;
        if (!Console.IsErrorRedirected)
        {
            Console.SetError(new AboveTheBars(console));
        }

        try
        {
            return await RunBarsAsync(updates);
        }
        finally
        {
            Console.SetError(errors);
        }
    }

    private Task<BatchProgress> RunBarsAsync(IAsyncEnumerable<BatchProgress> updates)
    {
        var progress = console.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new DoneColumn(), new PaceColumn(time));
        return progress.StartAsync(async context =>
        {
            var bars = new Dictionary<string, ProgressTask>();
            var last = new BatchProgress(0, 0, 0, []);
            await foreach (var update in updates)
            {
                last = update;
                foreach (var model in update.Models)
                {
                    if (!bars.TryGetValue(model.Model, out var bar))
                    {
                        var name = Markup.Escape(model.Model) + (model.Simulated ? " [yellow]simulated[/]" : "");
                        bars[model.Model] = bar = context.AddTask(name, autoStart: true, maxValue: model.Requests);
                        bar.State.Update<Pace>(PaceColumn.State, _ => new Pace(time.GetTimestamp(), model.Done, null));
                    }

                    bar.Value = model.Done;
                    if (model.Done == model.Requests)
                    {
                        bar.State.Update<Pace>(PaceColumn.State, pace => pace with { EndedAt = pace.EndedAt ?? time.GetTimestamp() });
                    }
                }
            }

            return last;
        });
    }

    private async Task<BatchProgress> ShowLinesAsync(IAsyncEnumerable<BatchProgress> updates, CancellationToken cancellationToken)
    {
        var latest = new BatchProgress(0, 0, 0, []);
        var startedAt = time.GetTimestamp();
        int? doneAtStart = null;
        var following = FollowAsync();
        while (await Task.WhenAny(following, Task.Delay(LineInterval, time, cancellationToken)) != following)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var models = string.Join(", ", latest.Models.Select(model => string.Create(CultureInfo.InvariantCulture, $"{model.Model} {model.Done:N0}/{model.Requests:N0}")));
            console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {latest.Done:N0} of {latest.Total:N0} done ({models})")
                + PaceText(latest.Total - latest.Done, latest.Done - (doneAtStart ?? 0), time.GetElapsedTime(startedAt)));
        }

        await following;
        return latest;

        async Task FollowAsync()
        {
            await foreach (var update in updates)
            {
                latest = update;
                doneAtStart ??= update.Done;
            }
        }
    }

    /// <summary>Rate and time to go, as they are so far; nothing before the first answer.</summary>
    private static string PaceText(int left, int done, TimeSpan elapsed)
    {
        if (done == 0 || elapsed <= TimeSpan.Zero)
        {
            return "";
        }

        var rate = done / elapsed.TotalSeconds;
        var text = string.Create(CultureInfo.InvariantCulture, $", {(rate < 10 ? Math.Round(rate, 1) : Math.Round(rate)):N0}/s");
        return left == 0 ? text : $"{text}, {Duration.Text(TimeSpan.FromSeconds(left / rate))} to go";
    }

    /// <summary>Writes whole lines through the console that draws the bars, which moves them down.</summary>
    private sealed class AboveTheBars(IAnsiConsole console) : StringWriter(CultureInfo.InvariantCulture)
    {
        public override void Flush()
        {
            var text = ToString().TrimEnd();
            GetStringBuilder().Clear();
            if (text.Length > 0)
            {
                console.WriteLine(text);
            }
        }
    }

    private readonly record struct Pace(long StartedAt, int DoneAtStart, long? EndedAt);

    private sealed class DoneColumn : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
            => new Text(string.Create(CultureInfo.InvariantCulture, $"{task.Value:N0}/{task.MaxValue:N0}")).RightJustified();
    }

    private sealed class PaceColumn(TimeProvider time) : ProgressColumn
    {
        public const string State = "pace";

        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
        {
            var pace = task.State.Get<Pace>(State);
            var elapsed = time.GetElapsedTime(pace.StartedAt, pace.EndedAt ?? time.GetTimestamp());
            return new Text(PaceText((int)(task.MaxValue - task.Value), (int)task.Value - pace.DoneAtStart, elapsed).TrimStart(',', ' '), new Style(Color.Grey));
        }
    }
}
