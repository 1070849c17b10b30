using System.Net.Sockets;
using BatchBus.Host;
using Microsoft.Extensions.Options;

namespace BatchBus.Cli;

/// <summary>Tells mistakes in the settings, which are the user's to mend, from faults of the program.</summary>
internal static class StartFailure
{
    /// <summary>What is wrong, in a sentence; null where it is no matter of settings.</summary>
    public static string? Explain(Exception exception) => exception switch
    {
        InvalidSettingsException or OptionsValidationException or ArgumentException or FormatException => $"BatchBus cannot start: {exception.Message}",
        // The configuration's own words for a value of the wrong type, or a settings file that cannot be read.
        InvalidOperationException { InnerException: ArgumentException or FormatException } => $"BatchBus cannot start: {exception.Message}",
        InvalidDataException => $"BatchBus cannot start: {exception.Message} {exception.InnerException?.Message}",
        UnauthorizedAccessException => $"BatchBus cannot start: {exception.Message} Choose another data folder, or allow it to be written.",
        IOException or SocketException => $"BatchBus cannot listen: {exception.Message.TrimEnd('.')}. Choose another address, such as --urls http://127.0.0.1:8090, and name it to the other commands with --server.",
        _ => null,
    };
}
