namespace BatchBus.Host;

/// <summary>The settings do not allow a start; the message names the setting and what to do.</summary>
public class InvalidSettingsException(string message) : Exception(message);
