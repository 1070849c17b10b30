namespace BatchBus.Inference.Catalog;

/// <summary>
/// Settings of one model, bound from <c>BatchBus:Models:{name}</c>. The models mistral-7b and llama-70b are in the catalogue without any
/// setting; any other name that is configured joins them.
/// </summary>
public sealed class ModelOptions : EndpointOptions
{
    /// <summary>The section that holds one child per model.</summary>
    public const string SectionName = "BatchBus:Models";

    /// <summary>Name for people.</summary>
    /// <value>"Mistral 7B Instruct" and "Llama 3 70B Instruct" for the two built-in models, otherwise the model's name.</value>
    public string? DisplayName { get; set; }

    /// <summary>Requests that one worker keeps in flight to this model.</summary>
    /// <value>64 for mistral-7b, 32 for every other model.</value>
    public int Prefetch { get; set; } = 32;

    /// <summary>
    /// Longest that the model may take to answer one request. With <see cref="ModelProtocol.OpenAi"/> a wait in the server's queue counts,
    /// that of a RunPod job does not.
    /// </summary>
    /// <value>10 minutes.</value>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Longest that opening a connection may take.</summary>
    /// <value>5 seconds.</value>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>First and shortest pause between two looks at a RunPod job; each further pause is half as long again.</summary>
    /// <value>100 milliseconds.</value>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Longest pause between two looks at a RunPod job.</summary>
    /// <value>5 seconds.</value>
    public TimeSpan MaxPollInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Tokens of prompt and answer together that the endpoint accepts.</summary>
    /// <value>8192 for the two built-in models, otherwise none. A request that asks for more in <c>max_tokens</c> alone is refused without a call; what a prompt takes, the endpoint counts.</value>
    public int? MaxContextTokens { get; set; }

    /// <summary>Most <c>stop_sequences</c> that a request may have.</summary>
    /// <value>4, as many as vLLM takes unless its <c>VLLM_MAX_STOP_STRINGS</c> says otherwise.</value>
    public int MaxStopSequences { get; set; } = 4;

    /// <summary>Whether the model takes images. Requests with images are refused where it does not.</summary>
    /// <value>False.</value>
    public bool AcceptsImages { get; set; }

    /// <summary>
    /// Whether the model's chat template knows the system role, as that of Mistral 7B Instruct before v0.3 does not. Where it does not, the
    /// system prompt becomes the beginning of the first user message.
    /// </summary>
    /// <value>True.</value>
    public bool AcceptsSystemRole { get; set; } = true;

    /// <summary>US dollars per second for which the endpoint's GPUs are billed.</summary>
    /// <value>0.00031 for mistral-7b (one RTX 4090), 0.00152 for llama-70b (two A100), otherwise none.</value>
    public decimal? DollarsPerGpuSecond { get; set; }

    /// <summary>The managed model that this one stands in for.</summary>
    /// <value>Claude Haiku 4.5 (batch) for mistral-7b, Claude Sonnet 4.x (batch) for llama-70b, otherwise none.</value>
    public ManagedPriceOptions? ComparedWith { get; set; }

    /// <summary>Whether the simulator answers in place of a real model. Set by the host where no endpoint is configured.</summary>
    /// <value>False.</value>
    public bool Simulated { get; set; }

    /// <summary>Further endpoints of the same model, in order of preference: the next is used while those before it are out of order.</summary>
    /// <value>None.</value>
    public IList<EndpointOptions> Fallbacks { get; } = [];
}
