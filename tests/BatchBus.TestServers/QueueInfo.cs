namespace BatchBus.TestServers;

/// <summary>What the broker says of one queue.</summary>
/// <param name="Name">The queue's name.</param>
/// <param name="Messages">Messages in it, delivered and unacknowledged ones included.</param>
/// <param name="Consumers">Consumers attached to it.</param>
public sealed record QueueInfo(string Name, long Messages, int Consumers);
