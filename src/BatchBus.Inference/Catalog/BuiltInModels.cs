namespace BatchBus.Inference.Catalog;

internal static class BuiltInModels
{
    public const string Mistral = "mistral-7b";
    public const string Llama = "llama-70b";

    public static IReadOnlyList<string> Names { get; } = [Mistral, Llama];

    public static void Configure(string model, ModelOptions options)
    {
        switch (model)
        {
            case Mistral:
                options.DisplayName = "Mistral 7B Instruct";
                options.Prefetch = 64;
                options.MaxContextTokens = 8192;
                options.DollarsPerGpuSecond = 0.00031m;
                options.ComparedWith = new ManagedPriceOptions { Name = "Claude Haiku 4.5 (batch)" };
                break;
            case Llama:
                options.DisplayName = "Llama 3 70B Instruct";
                options.MaxContextTokens = 8192;
                options.DollarsPerGpuSecond = 0.00152m;
                options.ComparedWith = new ManagedPriceOptions { Name = "Claude Sonnet 4.x (batch)" };
                break;
        }
    }
}
