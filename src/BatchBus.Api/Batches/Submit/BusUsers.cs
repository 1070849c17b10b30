using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using MassTransit;
using Microsoft.Extensions.Configuration;

namespace BatchBus.Api.Batches.Submit;

/// <summary>
/// Which workspace a message belongs to, by the user that the broker has seen to: RabbitMQ refuses a message whose property
/// <c>user-id</c> is not the user of its connection. Settings <c>BatchBus:Workspaces:{name}:BusUsers</c>.
/// </summary>
internal sealed class BusUsers
{
    private const string Section = "BatchBus:Workspaces";
    private const string DefaultWorkspace = "default";

    private readonly Dictionary<string, string> _workspaces = new(StringComparer.Ordinal);
    private readonly bool _isOpen;

    /// <summary>Takes the configured users.</summary>
    /// <exception cref="ArgumentException">A user belongs to two workspaces.</exception>
    public BusUsers(IConfiguration configuration, ApiKeyRing keys)
    {
        foreach (var workspace in configuration.GetSection(Section).GetChildren())
        {
            foreach (var user in workspace.GetSection("BusUsers").Get<string[]>() ?? [])
            {
                if (!_workspaces.TryAdd(user, workspace.Key))
                {
                    throw new ArgumentException($"{Section}:{workspace.Key}:BusUsers: \"{user}\" belongs to {_workspaces[user]} already. Give each user one workspace.");
                }
            }
        }

        _isOpen = keys.IsEmpty && _workspaces.Count == 0;
    }

    /// <summary>The workspace of a message's sender.</summary>
    /// <exception cref="ApiException">The sender is unknown, and workspaces are kept apart.</exception>
    public string WorkspaceOf(ConsumeContext context)
    {
        var user = context.TryGetPayload(out RabbitMqBasicConsumeContext? delivery) ? delivery.Properties.UserId : null;
        return user is not null && _workspaces.TryGetValue(user, out var workspace) ? workspace
            : _isOpen ? DefaultWorkspace
            : throw ApiException.Unauthenticated(string.IsNullOrEmpty(user)
                ? "user-id: required, where workspaces are kept apart. Send the message with the property user-id, the name of the connection's RabbitMQ user."
                : "user-id: the RabbitMQ user belongs to no workspace. The operator names it in BatchBus__Workspaces__<name>__BusUsers__0.");
    }
}
