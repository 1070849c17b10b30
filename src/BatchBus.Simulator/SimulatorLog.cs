using System.Runtime.InteropServices;

namespace BatchBus.Simulator;

/// <summary>
/// The witness: every call that reached a model, in order of arrival. A call counts as executed from its arrival on, whatever
/// becomes of it. Holds some 80 bytes a call and no prompts or answers. All members may be used while calls arrive.
/// </summary>
public sealed class SimulatorLog
{
    private const int ChunkSize = 1024;

    private readonly Lock _lock = new();
    private readonly List<SimulatedCall[]> _chunks = [];
    private readonly TimeProvider _timeProvider;
    private readonly long _started;
    private int _count;
    private int _open;
    private int _maxOpen;
    private int _clears;

    internal SimulatorLog(TimeProvider timeProvider)
    {
        _timeProvider = timeProvider;
        _started = timeProvider.GetTimestamp();
    }

    /// <summary>The time since the start of the server, on the clock of <see cref="SimulatedCall.Start"/> and <see cref="SimulatedCall.End"/>.</summary>
    public TimeSpan Now => _timeProvider.GetElapsedTime(_started);

    /// <summary>How many calls are open now, waiting ones included.</summary>
    public int Open
    {
        get
        {
            lock (_lock)
            {
                return _open;
            }
        }
    }

    /// <summary>A copy of the log as it is now, in order of arrival.</summary>
    public IReadOnlyList<SimulatedCall> Entries
    {
        get
        {
            lock (_lock)
            {
                var entries = new SimulatedCall[_count];
                CopyTo_NeedsLock(0, entries);
                return entries;
            }
        }
    }

    /// <summary>How often a request arrived; for many keys, group <see cref="Entries"/> instead.</summary>
    /// <param name="key"><see cref="SimulatedAnswer.KeyOf"/> of its messages.</param>
    public int ExecutionsOf(ulong key) => Entries.Count(entry => entry.Key == key);

    /// <summary>How many calls were open at a time of <see cref="Now"/>, such as when a client was killed.</summary>
    public int OpenAt(TimeSpan time) => Entries.Count(entry => entry.WasOpenAt(time));

    /// <summary>The log in numbers; calls whose messages could not be read count in the total only.</summary>
    public SimulatorCounts Count()
    {
        var executions = new Dictionary<ulong, int>();
        lock (_lock)
        {
            for (var i = 0; i < _count; i++)
            {
                var key = Entry_NeedsLock(i).Key;
                if (key != 0)
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(executions, key, out _)++;
                }
            }

            return new SimulatorCounts(_count, executions.Count, executions.Values.Count(count => count > 1), _open, _maxOpen);
        }
    }

    /// <summary>Forgets everything, the calls that are open now included.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _chunks.Clear();
            _count = _open = _maxOpen = 0;
            _clears++;
        }
    }

    internal Ticket Begin(ulong key, string model, SimulatedProtocol protocol, string endpoint = SimulatedEndpoint.OpenAi)
    {
        lock (_lock)
        {
            if (_count == _chunks.Count * ChunkSize)
            {
                _chunks.Add(new SimulatedCall[ChunkSize]);
            }

            var ticket = new Ticket(_count++, _clears);
            Entry_NeedsLock(ticket.Index) = new SimulatedCall(key, model, protocol, Now, null, SimulatedOutcome.Open) { Endpoint = endpoint };
            _maxOpen = Math.Max(_maxOpen, ++_open);
            return ticket;
        }
    }

    internal void Run(Ticket ticket)
    {
        lock (_lock)
        {
            if (ticket.Clears == _clears)
            {
                ref var entry = ref Entry_NeedsLock(ticket.Index);
                entry = entry with { Began = Now };
            }
        }
    }

    internal void End(Ticket ticket, SimulatedOutcome outcome, bool isFault = false)
    {
        lock (_lock)
        {
            if (ticket.Clears != _clears)
            {
                return;
            }

            ref var entry = ref Entry_NeedsLock(ticket.Index);
            entry = entry with { End = Now, Outcome = outcome, IsFault = isFault };
            _open--;
        }
    }

    internal int Read(int from, Span<SimulatedCall> entries)
    {
        lock (_lock)
        {
            var count = Math.Clamp(_count - from, 0, entries.Length);
            CopyTo_NeedsLock(from, entries[..count]);
            return count;
        }
    }

    private ref SimulatedCall Entry_NeedsLock(int index) => ref _chunks[index / ChunkSize][index % ChunkSize];

    private void CopyTo_NeedsLock(int from, Span<SimulatedCall> entries)
    {
        for (var copied = 0; copied < entries.Length;)
        {
            var rest = _chunks[(from + copied) / ChunkSize].AsSpan((from + copied) % ChunkSize);
            rest = rest[..Math.Min(rest.Length, entries.Length - copied)];
            rest.CopyTo(entries[copied..]);
            copied += rest.Length;
        }
    }

    /// <summary>Finds the entry of a call again; void once the log was cleared.</summary>
    internal readonly record struct Ticket(int Index, int Clears);
}
