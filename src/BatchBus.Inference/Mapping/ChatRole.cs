namespace BatchBus.Inference.Mapping;

internal enum ChatRole
{
    User,
    Assistant,
}
