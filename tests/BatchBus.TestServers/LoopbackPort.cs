using System.Net;
using System.Net.Sockets;

namespace BatchBus.TestServers;

/// <summary>Ports on the loopback interface.</summary>
public static class LoopbackPort
{
    // Below the range that Linux gives to outgoing connections: a client that redials a stopped server cannot be given the server's own port,
    // so the server finds it free when it restarts.
    private const int First = 10_000;
    private const int End = 32_000;

    /// <summary>A port that nobody listens on, outside of the range from which clients' ports are taken.</summary>
    public static int FindFree()
    {
        while (true)
        {
            var port = Random.Shared.Next(First, End);
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ExclusiveAddressUse = true };
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException)
            {
                // Taken: the next one, then.
            }
        }
    }

    /// <summary>Whether whoever listens on the port answers the question with the expected bytes.</summary>
    internal static async Task<bool> AnswersAsync(int port, ReadOnlyMemory<byte> question, ReadOnlyMemory<byte> expected)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
            var stream = client.GetStream();
            await stream.WriteAsync(question, deadline.Token);
            var answer = new byte[expected.Length];
            await stream.ReadExactlyAsync(answer, deadline.Token);
            return expected.Span.SequenceEqual(answer);
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
        {
            return false;
        }
    }
}
