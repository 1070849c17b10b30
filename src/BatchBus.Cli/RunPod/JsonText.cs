using System.Text.Encodings.Web;
using System.Text.Json;

namespace BatchBus.Cli.RunPod;

/// <summary>How JSON is written for people.</summary>
internal static class JsonText
{
    public static JsonSerializerOptions Compact { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static JsonSerializerOptions Indented { get; } = new(Compact) { WriteIndented = true };
}
