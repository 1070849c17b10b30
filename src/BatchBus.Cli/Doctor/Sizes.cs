using System.Globalization;

namespace BatchBus.Cli.Doctor;

/// <summary>Bytes for people.</summary>
internal static class Sizes
{
    public static string Text(long bytes) => bytes switch
    {
        >= 10L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes >> 30:N0} GB"),
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.0} GB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.#} MB"),
    };
}
