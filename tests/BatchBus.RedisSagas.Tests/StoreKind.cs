namespace BatchBus.RedisSagas.Tests;

/// <summary>What speaks Redis' protocol in a test.</summary>
public enum StoreKind
{
    Redis,
    Garnet,
}
