namespace BatchBus.Simulator.Scripting;

/// <summary>The faults of an endpoint, and which call is to meet which.</summary>
internal sealed class FaultRules
{
    private readonly Lock _lock = new();
    private readonly List<Rule> _rules = [];
    private volatile bool _isEmpty = true;
    private volatile string[] _markers = [];

    /// <summary>The texts by which calls are told apart.</summary>
    public string[] Markers => _markers;

    public void Add(SimulatedFault fault)
    {
        lock (_lock)
        {
            _rules.Add(new Rule(fault));
            Refresh_NeedsLock();
        }
    }

    public void Replace(IEnumerable<SimulatedFault> faults)
    {
        lock (_lock)
        {
            _rules.Clear();
            _rules.AddRange(faults.Select(fault => new Rule(fault)));
            Refresh_NeedsLock();
        }
    }

    /// <summary>Decides what one call meets.</summary>
    /// <param name="operation">The call's operation.</param>
    /// <param name="markers">Those of <see cref="Markers"/> that the call holds.</param>
    public SimulatedFault? Choose(SimulatedOperation operation, string[] markers)
    {
        if (_isEmpty)
        {
            return null;
        }

        lock (_lock)
        {
            return _rules.Find(rule => rule.Takes(operation, markers))?.Fault;
        }
    }

    private void Refresh_NeedsLock()
    {
        _markers = [.. _rules.Select(rule => rule.Fault.Marker).OfType<string>().Distinct()];
        _isEmpty = _rules.Count == 0;
    }

    private sealed class Rule(SimulatedFault fault)
    {
        private int _seen;
        private int _taken;

        public SimulatedFault Fault => fault;

        public bool Takes(SimulatedOperation operation, string[] markers)
        {
            if (fault.On != operation || _taken >= fault.Times || (fault.Marker is { } marker && !markers.Contains(marker)))
            {
                return false;
            }

            var draw = SimulatedAnswer.Mix(((ulong)fault.Seed << 32) + (uint)++_seen) >> 11;
            if (draw >= fault.Probability * (1UL << 53))
            {
                return false;
            }

            _taken++;
            return true;
        }
    }
}
