using System.Diagnostics;

namespace BatchBus.TestServers;

/// <summary>Waits for a condition instead of for a time. The only place in the tests that uses a timer.</summary>
public static class Eventually
{
    private static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Asks until the condition holds.</summary>
    /// <param name="condition">What must come true; what it throws ends the wait.</param>
    /// <param name="description">What is waited for, as it reads in "… did not come true".</param>
    /// <param name="within">The longest wait; 30 s when not given.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">It did not hold in time.</exception>
    public static Task ThatAsync(
        Func<Task<bool>> condition, string description, TimeSpan? within = null, CancellationToken cancellationToken = default) =>
        ReadAsync(condition, holds => holds, description, within, cancellationToken);

    /// <inheritdoc cref="ThatAsync(Func{Task{bool}}, string, TimeSpan?, CancellationToken)"/>
    public static Task ThatAsync(
        Func<bool> condition, string description, TimeSpan? within = null, CancellationToken cancellationToken = default) =>
        ThatAsync(() => Task.FromResult(condition()), description, within, cancellationToken);

    /// <summary>Reads until the value is acceptable, and returns it.</summary>
    /// <param name="read">Reads the value; what it throws ends the wait.</param>
    /// <param name="accept">Whether the value is the one that is waited for.</param>
    /// <param name="description">What is waited for, as it reads in "… did not come true".</param>
    /// <param name="within">The longest wait; 30 s when not given.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">No acceptable value was read in time; the message shows the last one.</exception>
    public static async Task<T> ReadAsync<T>(
        Func<Task<T>> read, Func<T, bool> accept, string description, TimeSpan? within = null, CancellationToken cancellationToken = default)
    {
        var deadline = within ?? DefaultDeadline;
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var value = await read();
            if (accept(value))
            {
                return value;
            }

            if (watch.Elapsed >= deadline)
            {
                throw new TimeoutException($"Within {deadline.TotalSeconds:0.#} s this did not come true: {description}. Last seen: {value}.");
            }

            await Task.Delay(Pause, cancellationToken);
        }
    }
}
