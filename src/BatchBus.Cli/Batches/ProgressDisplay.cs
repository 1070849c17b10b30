using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace BatchBus.Cli.Batches;

/// <summary>Shows a batch under way: on a terminal a live bar per model, otherwise a line every few seconds. Where nothing moves, it says why.</summary>
/// <param name="console">Where to.</param>
/// <param name="time">The clock.</param>
/// <param name="obstacles">What is in the way of some models; null where the terminal tells that anyway.</param>
internal sealed class ProgressDisplay(IAnsiConsole console, TimeProvider time, Func<IReadOnlyCollection<string>, CancellationToken, Task<IReadOnlyList<string>>>? obstacles)
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(2);

    /// <summary>How long a line is not repeated that would say the same.</summary>
    private static readonly TimeSpan Repeat = TimeSpan.FromSeconds(30);

    /// <summary>Without an answer for so long, a batch is taken to stand still.</summary>
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(5);

    private BatchProgress _latest = new(0, 0, 0, []);
    private long _changedAt;

    /// <summary>Shows the updates until they end, and returns the last.</summary>
    public async Task<BatchProgress> ShowAsync(IAsyncEnumerable<BatchProgress> updates, CancellationToken cancellationToken)
    {
        _changedAt = time.GetTimestamp();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var telling = obstacles is null ? Task.CompletedTask : TellAsync(obstacles, ended.Token);
        try
        {
            await (console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi
                ? ShowBarsAsync(NoteAsync(updates))
                : ShowLinesAsync(NoteAsync(updates), cancellationToken));
            return _latest;
        }
        finally
        {
            await ended.CancelAsync();
            await telling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async IAsyncEnumerable<BatchProgress> NoteAsync(IAsyncEnumerable<BatchProgress> updates)
    {
        await foreach (var update in updates)
        {
            (_latest, _changedAt) = (update, time.GetTimestamp());
            yield return update;
        }
    }

    /// <summary>While nothing moves: what is in the way, each thing once.</summary>
    private async Task TellAsync(Func<IReadOnlyCollection<string>, CancellationToken, Task<IReadOnlyList<string>>> obstaclesOf, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> told = [];
        using var timer = new PeriodicTimer(LineInterval, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            if (time.GetElapsedTime(_changedAt) < Stall)
            {
                continue;
            }

            var present = await obstaclesOf([.. _latest.Models.Where(model => model.Done < model.Requests).Select(model => model.Model)], cancellationToken);
            foreach (var obstacle in present.Except(told))
            {
                console.WriteLine(obstacle);
            }

            told = present;
        }
    }

    private async Task ShowBarsAsync(IAsyncEnumerable<BatchProgress> updates)
    {
        // A log line that is written past the console would tear the bars apart.
        var errors = Console.Error;
        if (!Console.IsErrorRedirected)
        {
            Console.SetError(new AboveTheBars(console));
        }

        try
        {
            await RunBarsAsync(updates);
        }
        finally
        {
            Console.SetError(errors);
        }
    }

    private Task RunBarsAsync(IAsyncEnumerable<BatchProgress> updates)
    {
        var progress = console.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new DoneColumn(), new PaceColumn(this));
        return progress.StartAsync(async context =>
        {
            var bars = new Dictionary<string, ProgressTask>();
            await foreach (var update in updates)
            {
                foreach (var model in update.Models)
                {
                    if (!bars.TryGetValue(model.Model, out var bar))
                    {
                        var name = Markup.Escape(model.Model) + (model.Simulated ? " [yellow]simulated[/]" : "");
                        bars[model.Model] = bar = context.AddTask(name, autoStart: true, maxValue: model.Requests);
                        bar.State.Update<Pace>(PaceColumn.State, _ => new Pace(time.GetTimestamp(), model.Done, time.GetTimestamp()));
                    }

                    if (model.Done > bar.Value)
                    {
                        bar.Value = model.Done;
                        bar.State.Update<Pace>(PaceColumn.State, pace => pace with { ChangedAt = time.GetTimestamp() });
                    }
                }
            }
        });
    }

    private async Task ShowLinesAsync(IAsyncEnumerable<BatchProgress> updates, CancellationToken cancellationToken)
    {
        var (startedAt, writtenAt, written) = (time.GetTimestamp(), 0L, "");
        int? doneAtStart = null;
        var following = FollowAsync();
        while (await Task.WhenAny(following, Task.Delay(LineInterval, time, cancellationToken)) != following)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var models = string.Join(", ", _latest.Models.Select(model => string.Create(CultureInfo.InvariantCulture, $"{model.Model} {model.Done:N0}/{model.Requests:N0}")));
            var counts = string.Create(CultureInfo.InvariantCulture, $"  {_latest.Done:N0} of {_latest.Total:N0} done ({models})");
            if (counts != written || time.GetElapsedTime(writtenAt) >= Repeat)
            {
                (written, writtenAt) = (counts, time.GetTimestamp());
                console.WriteLine(counts + PaceText(_latest.Total - _latest.Done, _latest.Done - (doneAtStart ?? 0), startedAt, _changedAt));
            }
        }

        await following;

        async Task FollowAsync()
        {
            await foreach (var update in updates)
            {
                doneAtStart ??= update.Done;
            }
        }
    }

    /// <summary>Rate and time to go, as they are so far; nothing before the first answer, and how long it has stood still where it does.</summary>
    private string PaceText(int left, int done, long startedAt, long changedAt)
    {
        var (elapsed, still) = (time.GetElapsedTime(startedAt, changedAt), time.GetElapsedTime(changedAt));
        if (left > 0 && still > Stall && still > elapsed / Math.Max(done, 1) * 3)
        {
            return $", no answer for {Duration.Text(still)}";
        }

        if (done == 0 || elapsed <= TimeSpan.Zero)
        {
            return "";
        }

        var rate = done / elapsed.TotalSeconds;
        var text = rate.ToString(rate < 10 ? "0.#" : "N0", CultureInfo.InvariantCulture);
        return left == 0 ? $", {text}/s" : $", {text}/s, {Duration.Text(TimeSpan.FromSeconds(left / rate))} to go";
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

    private readonly record struct Pace(long StartedAt, int DoneAtStart, long ChangedAt);

    private sealed class DoneColumn : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
            => new Text(string.Create(CultureInfo.InvariantCulture, $"{task.Value:N0}/{task.MaxValue:N0}")).RightJustified();
    }

    private sealed class PaceColumn(ProgressDisplay display) : ProgressColumn
    {
        public const string State = "pace";

        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
        {
            var pace = task.State.Get<Pace>(State);
            var text = display.PaceText((int)(task.MaxValue - task.Value), (int)task.Value - pace.DoneAtStart, pace.StartedAt, pace.ChangedAt);
            return new Text(text.TrimStart(',', ' '), new Style(Color.Grey));
        }
    }
}
