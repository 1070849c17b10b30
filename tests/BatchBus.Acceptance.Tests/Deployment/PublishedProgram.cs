using System.Diagnostics;
using System.Text.RegularExpressions;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Deployment;

/// <summary>
/// What the image of <c>infra/docker/Dockerfile</c> holds, run as the image runs it: published by the same command, with the same
/// environment, as a user without a home, from a folder in which nothing can be written.
/// </summary>
internal sealed partial class PublishedProgram : IDisposable
{
    private const string Nobody = "65534";

    private static readonly string Dockerfile = File.ReadAllText(Path.Combine(Repository.Root, "infra", "docker", "Dockerfile"));

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("batchbus-image-");

    private PublishedProgram()
    {
    }

    /// <exception cref="InvalidOperationException">The command failed; the message carries its output.</exception>
    public static async Task<PublishedProgram> PublishAsync()
    {
        var program = new PublishedProgram();
        var publish = Publish().Match(Dockerfile).Groups[1].Value;
        try
        {
            // Built already; the tests are not run from a clean source folder.
            await program.RunAsync($"cd '{Repository.Root}' && {publish.Replace(" /publish", $" '{program.Folder}'", StringComparison.Ordinal)} --no-build && chmod 755 '{program._directory.FullName}' && chmod -R a+rX,a-w '{program.Folder}'");
            return program;
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    private string Folder => Path.Combine(_directory.FullName, "app");

    /// <summary>Starts the program with the image's environment and more.</summary>
    public Task<ChildProcess> StartAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var image = Variable().Matches(Dockerfile[Dockerfile.LastIndexOf("\nENV ", StringComparison.Ordinal)..Dockerfile.IndexOf("\nEXPOSE ", StringComparison.Ordinal)])
            .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
        string[] user = Environment.UserName == "root" ? ["setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", "--pdeathsig=KILL"] : [];
        string[] command = ["env", $"--chdir={Folder}", .. user, "dotnet", "batchbus.dll", .. arguments];
        return ChildProcess.StartAsync(command[0], command[1..], image.Append(new("HOME", "/nonexistent")).Concat(environment).GroupBy(variable => variable.Key).ToDictionary(same => same.Key, same => same.Last().Value));
    }

    public void Dispose() => _directory.Delete(recursive: true);

    private async Task RunAsync(string script)
    {
        var start = new ProcessStartInfo("sh", ["-c", script]);
        start.Environment["DOTNET_NOLOGO"] = "1";
        var result = await Command.RunAsync(start);
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException($"{script} failed: {result.Output}{result.Errors}");
        }
    }

    [GeneratedRegex("(dotnet publish .*)\n")]
    private static partial Regex Publish();

    [GeneratedRegex(@"(\w+)=(\S*)")]
    private static partial Regex Variable();
}
