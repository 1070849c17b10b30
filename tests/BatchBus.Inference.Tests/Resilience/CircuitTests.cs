using BatchBus.Inference.Resilience;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace BatchBus.Inference.Tests.Resilience;

public sealed class CircuitTests
{
    private const int Full = 32;

    private static readonly Gen<Step> Steps = Gen.Select(
        Gen.Frequency((6, Gen.Const(What.Succeed)), (3, Gen.Const(What.Fail)), (1, Gen.Const(What.Open)), (1, Gen.Const(What.Recover)), (2, Gen.Const(What.Wait))),
        Gen.Int[0, 2],
        Gen.Int[1, 20_000],
        (what, age, milliseconds) => new Step(what, age, TimeSpan.FromMilliseconds(milliseconds)));

    private enum What
    {
        Succeed,
        Fail,
        Open,
        Recover,
        Wait,
    }

    [Test]
    public void It_behaves_as_a_model_that_remembers_every_call() => Steps.Array[0, 200].Sample(steps =>
    {
        var time = new FakeTimeProvider();
        var circuit = new Circuit(time);
        var model = new Model();
        foreach (var step in steps)
        {
            switch (step.What)
            {
                case What.Succeed:
                    circuit.Succeeded(circuit.Epoch - step.Age, Full);
                    model.Succeed(step.Age, time.GetUtcNow());
                    break;
                case What.Fail:
                    if (circuit.Failed(circuit.Epoch - step.Age) != model.Fail(step.Age, time.GetUtcNow()))
                    {
                        return false;
                    }

                    break;
                case What.Open:
                    circuit.Open(isStopped: true);
                    model.Open(isStopped: true);
                    break;
                case What.Recover:
                    circuit.Recover();
                    model.Recover();
                    break;
                case What.Wait:
                    time.Advance(step.Time);
                    break;
                default:
                    throw new InvalidOperationException($"{step.What} is no step.");
            }

            if ((circuit.IsOpen, circuit.IsStopped, circuit.Limit, circuit.Epoch) != (model.IsOpen, model.IsStopped, model.Limit, model.Epoch)
                || circuit.IsClosed != (model.Limit == int.MaxValue))
            {
                return false;
            }
        }

        return true;
    });

    [Test]
    public void Single_failures_among_many_answers_do_not_open_it() => Gen.Select(Gen.Int[12, 200], Gen.Int[1, 500]).Sample((every, milliseconds) =>
    {
        var time = new FakeTimeProvider();
        var circuit = new Circuit(time);
        for (var i = 1; i <= 2_000; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(milliseconds));
            if (i % every == 0)
            {
                circuit.Failed(circuit.Epoch);
            }
            else
            {
                circuit.Succeeded(circuit.Epoch, Full);
            }
        }

        return circuit.IsClosed;
    });

    [Test]
    public void Failures_alone_open_it_with_the_fifth()
    {
        var circuit = new Circuit(new FakeTimeProvider());
        Assert.That(Enumerable.Range(0, 7).Select(_ => circuit.Failed(0)), Is.EqualTo(new[] { false, false, false, false, true, false, false }));
        Assert.That(circuit.Limit, Is.Zero);
    }

    [Test]
    public void Eight_failures_in_a_row_open_it_however_many_answers_went_before()
    {
        var circuit = new Circuit(new FakeTimeProvider());
        Enumerable.Range(0, 1_000).ToList().ForEach(_ => circuit.Succeeded(0, Full));
        Assert.That(Enumerable.Range(0, 8).Select(_ => circuit.Failed(0)), Is.EqualTo(new[] { false, false, false, false, false, false, false, true }));
    }

    [Test]
    public void The_second_failure_while_it_returns_opens_it_again()
    {
        var circuit = new Circuit(new FakeTimeProvider());
        circuit.Open(isStopped: false);
        circuit.Recover();
        Assert.That(new[] { circuit.Failed(circuit.Epoch), circuit.Failed(circuit.Epoch) }, Is.EqualTo(new[] { false, true }));
    }

    [Test]
    public void Every_answer_after_a_trial_allows_one_call_more_until_trust_is_full()
    {
        var circuit = new Circuit(new FakeTimeProvider());
        circuit.Open(isStopped: false);
        circuit.Recover();
        var limits = new List<int> { circuit.Limit };
        while (!circuit.IsClosed)
        {
            circuit.Succeeded(circuit.Epoch, Full);
            limits.Add(circuit.Limit);
        }

        Assert.That(limits, Is.EqualTo([.. Enumerable.Range(2, Full - 2), int.MaxValue]));
    }

    private readonly record struct Step(What What, int Age, TimeSpan Time);

    /// <summary>The same rules over a list of all calls.</summary>
    private sealed class Model
    {
        private readonly List<(DateTimeOffset At, bool Failed)> _calls = [];

        public bool IsOpen { get; private set; }

        public bool IsStopped { get; private set; }

        public int Limit { get; private set; } = int.MaxValue;

        public int Epoch { get; private set; }

        public void Succeed(int age, DateTimeOffset now)
        {
            if (age > 0 || IsOpen)
            {
                return;
            }

            _calls.Add((now, false));
            if (Limit < int.MaxValue && ++Limit >= Full)
            {
                Limit = int.MaxValue;
            }
        }

        public bool Fail(int age, DateTimeOffset now)
        {
            if (age > 0 || IsOpen)
            {
                return false;
            }

            _calls.Add((now, true));
            var failures = Weight(now, failuresOnly: true);
            var inARow = _calls.AsEnumerable().Reverse().TakeWhile(call => call.Failed).Count();
            if (failures < (Limit == int.MaxValue ? 4.5 : 1.5) || (failures < 0.1 * Weight(now, failuresOnly: false) && inARow < 8))
            {
                return false;
            }

            Open(isStopped: false);
            return true;
        }

        public void Open(bool isStopped)
        {
            (IsOpen, IsStopped, Limit) = (true, isStopped, 0);
            _calls.Clear();
            Epoch++;
        }

        public void Recover()
        {
            if (IsOpen)
            {
                (IsOpen, IsStopped, Limit) = (false, false, 2);
            }
        }

        private double Weight(DateTimeOffset now, bool failuresOnly)
            => _calls.Where(call => call.Failed || !failuresOnly).Sum(call => Math.Exp(-(now - call.At).TotalSeconds / 10));
    }
}
