namespace BatchBus.TestServers;

internal static class Starting
{
    private const int Attempts = 5;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);

    /// <summary>Tries again on other ports: another test process may take a port between the moment it is found free and its use.</summary>
    public static async Task OnFreePortsAsync(Func<Task> launch, IAsyncDisposable server)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await launch();
                return;
            }
            catch (ServerExitedException) when (attempt < Attempts)
            {
                // Once more, on other ports.
            }
            catch
            {
                await server.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Waits until the server answers; fails with its output when it ends instead.</summary>
    public static async Task UntilAsync(Func<Task<bool>> ready, string name, ChildProcess process) =>
        await Eventually.ThatAsync(
            async () => process.HasExited
                ? throw new ServerExitedException($"{name} ended instead of starting. It wrote: {process.Output}")
                : await ready(),
            $"{name} answers",
            Deadline);

    private sealed class ServerExitedException(string message) : Exception(message);
}
