namespace BatchBus.TestServers;

/// <summary>What the tests need of the machine.</summary>
public static class Installed
{
    /// <summary>Checks that a program is there.</summary>
    /// <exception cref="FileNotFoundException">It is not; the message says how to get it.</exception>
    public static void Require(string binary)
    {
        if (!File.Exists(binary))
        {
            throw new FileNotFoundException($"{binary} is needed by this test and is missing; infra/test.sh installs it (Debian).", binary);
        }
    }
}
