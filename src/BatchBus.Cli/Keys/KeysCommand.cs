using System.CommandLine;
using BatchBus.Api.Keys;

namespace BatchBus.Cli.Keys;

/// <summary><c>batchbus keys create</c>: a new API key and the settings that let it in.</summary>
internal static class KeysCommand
{
    public static Command Create()
    {
        var workspace = new Option<string>("--workspace")
        {
            Description = "The workspace whose batches the key can see and make.",
            HelpName = "NAME",
            DefaultValueFactory = _ => "default",
        };
        workspace.Validators.Add(result =>
        {
            if (string.IsNullOrWhiteSpace(result.GetValueOrDefault<string>()))
            {
                result.AddError("--workspace is empty. Name the workspace that the key belongs to.");
            }
        });
        var create = new Command("create", "Makes a key and prints it once, with the settings that let it in. Only its hash is ever kept.") { workspace };
        create.SetAction(result =>
        {
            var key = ApiKey.New();
            Console.WriteLine(
                $"""
                Key, shown this once: {key}

                Settings of the server (for a further key, use 1, 2, … in place of 0):
                BatchBus__ApiKeys__0__Workspace={result.GetValue(workspace)}
                BatchBus__ApiKeys__0__Hash={ApiKey.Hash(key)}
                """);
        });
        return new Command("keys", "API keys.") { create };
    }
}
