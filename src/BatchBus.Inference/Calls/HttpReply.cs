namespace BatchBus.Inference.Calls;

/// <summary>A reply of which every byte has arrived, whatever its status.</summary>
internal sealed record HttpReply(int Status, ReadOnlyMemory<byte> Body, TimeSpan? RetryAfter)
{
    public bool IsSuccess => Status is >= 200 and < 300;
}
