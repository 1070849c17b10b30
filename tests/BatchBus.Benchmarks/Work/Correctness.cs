namespace BatchBus.Benchmarks.Work;

/// <summary>What must be zero.</summary>
/// <param name="Lost">Requests without a result.</param>
/// <param name="Doubled">Results or executions beyond the first of a request.</param>
/// <param name="Misplaced">Results that are not the answer to their request.</param>
internal readonly record struct Correctness(int Lost, int Doubled, int Misplaced)
{
    public bool IsClean => this == default;

    public static Correctness operator +(Correctness left, Correctness right)
        => new(left.Lost + right.Lost, left.Doubled + right.Doubled, left.Misplaced + right.Misplaced);

    public override string ToString() => $"{Lost} / {Doubled} / {Misplaced}";
}
