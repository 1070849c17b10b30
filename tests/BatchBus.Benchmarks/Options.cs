using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace BatchBus.Benchmarks;

/// <summary>What follows the form of a run on the command line.</summary>
/// <param name="Only">The measurements to make.</param>
/// <param name="Output">Where the table and the plot are written as files; null for none.</param>
internal sealed record Options(IReadOnlyCollection<int> Only, string? Output)
{
    public static bool TryParse(string[] args, IReadOnlyCollection<int> all, [NotNullWhen(true)] out Options? options)
    {
        options = new Options(all, null);
        for (var i = 0; i < args.Length; i += 2)
        {
            options = args[i..] switch
            {
                ["--only", var numbers, ..] => options with { Only = [.. numbers.Split(',').Select(number => int.Parse(number, CultureInfo.InvariantCulture))] },
                ["--output", var folder, ..] => options with { Output = folder },
                _ => null,
            };
            if (options is null)
            {
                return false;
            }
        }

        return options.Only.All(all.Contains);
    }
}
