namespace BatchBus.TestServers;

internal static class Installed
{
    public static void Require(string binary)
    {
        if (!File.Exists(binary))
        {
            throw new FileNotFoundException($"{binary} is needed by this test and is missing; infra/test.sh installs it (Debian).", binary);
        }
    }
}
