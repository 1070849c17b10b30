using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace BatchBus.Host;

/// <summary>Which parts of BatchBus a process runs, and on which servers.</summary>
public sealed record HostSettings
{
    /// <summary>The setting that picks roles.</summary>
    public const string RolesSetting = "BatchBus:Roles";

    /// <summary>The setting that chooses how the log is written.</summary>
    public const string LogFormatSetting = "BatchBus:LogFormat";

    private const string MaxMemorySetting = "BatchBus:MaxMemoryMb";

    /// <summary>RabbitMQ, as an <c>amqp://</c> address; null for the in-memory transport.</summary>
    public string? RabbitMq { get; init; }

    /// <summary>Redis, as StackExchange.Redis reads it; null for the embedded store.</summary>
    public string? Redis { get; init; }

    /// <summary>What this process does.</summary>
    public required IReadOnlySet<HostRole> Roles { get; init; }

    /// <summary>Where the embedded store keeps its data.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Megabytes of managed memory in use beyond which the embedded store takes no more batches; null for half of what the process can have.</summary>
    public int? MaxMemoryMb { get; init; }

    /// <summary>How the log is written.</summary>
    public LogFormat LogFormat { get; init; }

    /// <summary>Whether everything runs within this process.</summary>
    public bool IsEmbedded => RabbitMq is null;

    /// <summary>Reads the settings.</summary>
    /// <exception cref="InvalidSettingsException">They do not fit together; the message names the setting and the remedy.</exception>
    public static HostSettings Read(IConfiguration configuration)
    {
        var rabbitMq = NullIfEmpty(configuration.GetConnectionString("RabbitMq"));
        var redis = NullIfEmpty(configuration.GetConnectionString("Redis"));
        if (rabbitMq is null != redis is null)
        {
            var (given, missing) = rabbitMq is null ? ("Redis", "RabbitMq") : ("RabbitMq", "Redis");
            throw new InvalidSettingsException(
                $"ConnectionStrings:{given} is set and ConnectionStrings:{missing} is not. Set both (ConnectionStrings__{missing}=…) for real servers, or neither for the embedded mode.");
        }

        if (rabbitMq is not null && !(Uri.TryCreate(rabbitMq, UriKind.Absolute, out var address) && address.Scheme is "amqp" or "amqps" or "rabbitmq" or "rabbitmqs"))
        {
            throw new InvalidSettingsException("ConnectionStrings:RabbitMq is not an address such as amqp://user:password@host:5672/vhost.");
        }

        var settings = new HostSettings
        {
            RabbitMq = rabbitMq,
            Redis = redis,
            LogFormat = ReadLogFormat(NullIfEmpty(configuration[LogFormatSetting])),
            Roles = ReadRoles(configuration[RolesSetting]),
            MaxMemoryMb = ReadMaxMemory(NullIfEmpty(configuration[MaxMemorySetting])),
            DataDirectory = Path.GetFullPath(NullIfEmpty(configuration["BatchBus:DataDirectory"]) ?? ".batchbus"),
        };
        return settings.IsEmbedded && settings.Roles.Count < Enum.GetValues<HostRole>().Length
            ? throw new InvalidSettingsException(
                $"{RolesSetting} splits the roles, but the in-memory transport reaches no other process. Set ConnectionStrings__RabbitMq and ConnectionStrings__Redis, or leave {RolesSetting} out.")
            : settings;
    }

    private static int? ReadMaxMemory(string? text)
        => text is null ? null
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var megabytes) && megabytes > 0 ? megabytes
            : throw new InvalidSettingsException($"{MaxMemorySetting} is '{text}' and should be a number of megabytes, such as 2000.");

    private static LogFormat ReadLogFormat(string? text) => text?.ToUpperInvariant() switch
    {
        null or "TEXT" => LogFormat.Text,
        "JSON" => LogFormat.Json,
        _ => throw new InvalidSettingsException($"{LogFormatSetting} is '{text}' and should be text or json."),
    };

    private static HashSet<HostRole> ReadRoles(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return [.. Enum.GetValues<HostRole>()];
        }

        var roles = new HashSet<HostRole>();
        foreach (var name in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            roles.Add(Enum.TryParse<HostRole>(name, ignoreCase: true, out var role) && Enum.IsDefined(role)
                ? role
                : throw new InvalidSettingsException($"{RolesSetting} names \"{name}\". The roles are api, orchestrator and worker, separated by commas."));
        }

        return roles;
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}

/// <summary>A part of BatchBus that a process can run.</summary>
public enum HostRole
{
    /// <summary>The HTTP facade.</summary>
    Api,

    /// <summary>The saga and the sweeper.</summary>
    Orchestrator,

    /// <summary>The execution of requests.</summary>
    Worker,
}
