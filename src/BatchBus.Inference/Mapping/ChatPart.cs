namespace BatchBus.Inference.Mapping;

/// <summary>A piece of what was said.</summary>
/// <param name="IsImage">Whether <paramref name="Value"/> is the address of an image, which may be a data: URL, and not text.</param>
/// <param name="Value">The text or the address.</param>
internal readonly record struct ChatPart(bool IsImage, string Value);
