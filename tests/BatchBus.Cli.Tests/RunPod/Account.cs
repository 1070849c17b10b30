using System.Text.Json.Nodes;

namespace BatchBus.Cli.Tests.RunPod;

/// <summary>An operator's folder, environment and RunPod account.</summary>
internal sealed class Account : IAsyncDisposable
{
    public const string HfToken = "hf_THETOKENOFTHEOPERATOR";

    private readonly CommandLine _cli;

    private Account(CommandLine cli, FakeRunPod runPod)
    {
        _cli = cli;
        RunPod = runPod;
    }

    public FakeRunPod RunPod { get; }

    public Dictionary<string, string?> Environment => _cli.Environment;

    public static async Task<Account> OpenAsync()
    {
        var runPod = await FakeRunPod.StartAsync();
        var account = new Account(new CommandLine(), runPod);
        account.Environment["RUNPOD_API_URL"] = runPod.Address;
        account.Environment["RUNPOD_JOBS_URL"] = runPod.Address;
        account.Environment["RUNPOD_API_KEY"] = FakeRunPod.Key;
        account.Environment["HF_TOKEN"] = HfToken;
        return account;
    }

    /// <summary>A definition that is as good as any.</summary>
    public static JsonObject Definition(string name = "mistral-7b") => JsonNode.Parse(
        $$"""
        {
          "name": "{{name}}", "type": "QUEUE", "image": "runpod/worker-v1-vllm:v2.25.2",
          "gpu": { "pools": ["ADA_24"], "count": 1 }, "workers": { "min": 0, "max": 3 },
          "scaling": { "type": "REQUEST_COUNT", "requestCount": 64 }, "timeout": 600000,
          "env": { "MODEL_NAME": "some/model", "MAX_NUM_SEQS": "64", "HF_TOKEN": "{{"${HF_TOKEN}"}}", "OPENAI_SERVED_MODEL_NAME_OVERRIDE": "{{name}}" }
        }
        """)!.AsObject();

    /// <summary>The definition with the operator's variables filled in.</summary>
    public static JsonObject Filled(JsonObject definition)
    {
        var filled = definition.DeepClone().AsObject();
        filled["env"]!["HF_TOKEN"] = HfToken;
        return filled;
    }

    public string Write(string name, JsonObject definition) => _cli.Write(name, definition.ToJsonString());

    /// <summary>Writes a definition to where the command looks by itself.</summary>
    public void Define(JsonObject definition)
    {
        Directory.CreateDirectory(Path.Combine(_cli.Folder, "infra", "runpod"));
        Write(Path.Combine("infra", "runpod", $"{definition["name"]}.json"), definition);
    }

    /// <summary>Runs the command. Whatever it does, no secret may come out of it.</summary>
    public async Task<CommandLine.Ended> RunAsync(params string[] args)
    {
        var run = await _cli.RunAsync(["runpod", .. args]);
        Assert.That(
            run.Output + run.Errors,
            Does.Not.Contain(FakeRunPod.Key).And.Not.Contain(HfToken).And.Not.Contain("   at "));
        return run;
    }

    public async ValueTask DisposeAsync()
    {
        _cli.Dispose();
        await RunPod.DisposeAsync();
    }
}
