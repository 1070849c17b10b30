namespace BatchBus.Inference.Routing;

/// <summary>Sends requests for models of other names to a model of the catalogue.</summary>
public sealed class ModelAlias
{
    /// <summary>A model name in which <c>*</c> stands for any characters, such as <c>claude-haiku-*</c>.</summary>
    public string Pattern { get; init; } = "";

    /// <summary>The model of the catalogue.</summary>
    public string Model { get; init; } = "";
}
