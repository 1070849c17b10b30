using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace BatchBus.Webhooks;

/// <summary>Registration of what creates and deliveries share.</summary>
public static class WebhookServices
{
    /// <summary>Longest delay, timeout and sum of delays that are sensible: an event that is a week old helps nobody.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(7);

    /// <summary>Adds the rules for receivers, and the sender. May be called for each role.</summary>
    public static IServiceCollection AddBatchBusWebhooks(this IServiceCollection services, IConfiguration configuration)
    {
        if (services.Any(service => service.ServiceType == typeof(WebhookSender)))
        {
            return services;
        }

        services.AddOptions<WebhookOptions>()
            .Bind(configuration.GetSection(WebhookOptions.Section))
            .Configure(options => options.BaseUrl = configuration["BatchBus:PublicBaseUrl"]?.TrimEnd('/') ?? "")
            .Validate(options => options.AllowedAddresses.All(WebhookAddresses.IsEntry), $"{WebhookOptions.AllowedSetting} and those after it must each be an address, a network such as 10.1.0.0/16, or a host name.")
            .Validate(options => options.Timeout > TimeSpan.Zero && options.Timeout <= TimeSpan.FromMinutes(1), $"{WebhookOptions.Section}:Timeout must be more than 0 and at most 00:01:00.")
            .Validate(
                options => options.Delays.All(delay => delay > TimeSpan.Zero && delay <= Longest) && options.Delays.Sum(delay => delay.Ticks) <= Longest.Ticks,
                $"{WebhookOptions.Section}:RetryDelays must each be more than 0, and together at most {Longest.TotalDays:0} days.")
            .ValidateOnStart();
        services.AddOptions<WebhookWorkspaces>()
            .Bind(configuration.GetSection(WebhookWorkspace.Section))
            .Validate(
                workspaces => workspaces.Values.All(workspace => workspace.WebhookSecrets.Length <= 2 && workspace.WebhookSecrets.All(WebhookSecret.IsValid)),
                $"{WebhookWorkspace.Section}:<name>:WebhookSecrets must be at most two, each whsec_ and 24 to 64 bytes in base64.")
            .Validate(
                workspaces => workspaces.Values.All(workspace => workspace.WebhookUrl is null || (workspace.WebhookSecrets.Length > 0 && WebhookUrls.Malformed(workspace.WebhookUrl) is null)),
                $"{WebhookWorkspace.Section}:<name>:WebhookUrl must be an https or http address without a user name, and needs WebhookSecrets beside it.")
            .ValidateOnStart();
        services.TryAddSingleton<Func<string, CancellationToken, Task<IPAddress[]>>>(_ => Dns.GetHostAddressesAsync);
        services.AddSingleton<WebhookAddresses>();
        services.AddSingleton<WebhookUrls>();
        services.AddSingleton<WebhookSender>();
        return services;
    }
}
