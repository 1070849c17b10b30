namespace BatchBus.Simulator.Chat;

/// <summary>What a prompt asks for, as far as its words tell.</summary>
internal enum SalesTopic : byte
{
    General,
    Research,
    Subject,
    Email,
    Polish,
}
