using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BatchBus.Faults.Tests.Deployed;

/// <summary>
/// One edge between a process and a server: passes bytes both ways until it is told to cut, to delay, to swallow what the server answers,
/// or to break answers off in the middle. Does not know what the bytes mean.
/// </summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopped = new();
    private readonly ConcurrentDictionary<Link, byte> _links = new();
    private readonly IPEndPoint _server;
    private readonly Task _accepting;
    private volatile bool _cut;
    private volatile bool _swallowing;
    private volatile byte[]? _swallowFrom;
    private long _delayTicks;
    private long _swallowed;
    private int _toBreak;

    public FaultProxy(int serverPort)
    {
        _server = new IPEndPoint(IPAddress.Loopback, serverPort);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    /// <summary>Where the process connects instead of to the server.</summary>
    public int Port { get; }

    public bool IsCut => _cut;

    /// <summary>Bytes of answers that the process never saw.</summary>
    public long Swallowed => Interlocked.Read(ref _swallowed);

    /// <summary>Answers that <see cref="BreakReplies"/> still has to break off.</summary>
    public int RepliesToBreak => Math.Max(0, Volatile.Read(ref _toBreak));

    /// <summary>Sees what the process sends, before the server does.</summary>
    public Action<ReadOnlyMemory<byte>>? OnRequest { get; set; }

    /// <summary>Breaks the connections there are and every new one.</summary>
    public void Cut()
    {
        _cut = true;
        BreakConnections();
    }

    /// <summary>How much later than it was sent everything arrives, each way.</summary>
    public void Delay(TimeSpan delay) => Interlocked.Exchange(ref _delayTicks, delay.Ticks);

    /// <summary>The server gets and executes what is sent; its answers are lost.</summary>
    public void SwallowReplies()
    {
        Interlocked.Exchange(ref _swallowed, 0);
        _swallowing = true;
    }

    /// <summary>The same, from the moment on at which the process sends something that contains the words.</summary>
    public void SwallowRepliesFrom(string words)
    {
        Interlocked.Exchange(ref _swallowed, 0);
        _swallowFrom = Encoding.ASCII.GetBytes(words);
    }

    /// <summary>Lets half of each of the next answers through and then breaks their connections.</summary>
    public void BreakReplies(int count) => Volatile.Write(ref _toBreak, count);

    /// <summary>
    /// Everything passes again. Connections that lost answers are broken: a client would take the next answer for the missing one.
    /// </summary>
    public void Restore()
    {
        var lossy = _swallowing;
        _swallowFrom = null;
        Delay(TimeSpan.Zero);
        BreakReplies(0);
        OnRequest = null;
        if (lossy)
        {
            BreakConnections();
        }

        _swallowing = false;
        _cut = false;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        _listener.Stop();
        BreakConnections();
        await _accepting;
        _stopped.Dispose();
    }

    private void BreakConnections()
    {
        foreach (var link in _links.Keys)
        {
            link.Break();
        }
    }

    private async Task AcceptAsync()
    {
        while (!_stopped.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptSocketAsync(_stopped.Token);
                _ = ServeAsync(client);
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // The proxy stops, or the client was gone before it was accepted.
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        client.NoDelay = true;
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var link = new Link(client, server);
        _links[link] = 0;
        try
        {
            if (_cut)
            {
                return;
            }

            await server.ConnectAsync(_server, _stopped.Token);

            // Whichever side ends first ends both: no protocol here uses half-closed connections.
            await Task.WhenAny(PumpAsync(client, server, isReply: false), PumpAsync(server, client, isReply: true));
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The server is away: the client finds its connection broken.
        }
        finally
        {
            _links.TryRemove(link, out _);
            client.Dispose();
            server.Dispose();
        }
    }

    private async Task PumpAsync(Socket from, Socket to, bool isReply)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, _stopped.Token) is var count and > 0)
            {
                if (isReply && _swallowing)
                {
                    Interlocked.Add(ref _swallowed, count);
                    continue;
                }

                if (Interlocked.Read(ref _delayTicks) is var delay and > 0)
                {
                    await Task.Delay(TimeSpan.FromTicks(delay), _stopped.Token);
                }

                if (isReply && Volatile.Read(ref _toBreak) > 0 && Interlocked.Decrement(ref _toBreak) >= 0)
                {
                    await SendAsync(to, buffer.AsMemory(0, count / 2));
                    return;
                }

                if (!isReply)
                {
                    OnRequest?.Invoke(buffer.AsMemory(0, count));
                    if (_swallowFrom is { } words && buffer.AsSpan(0, count).IndexOf(words) >= 0)
                    {
                        _swallowing = true;
                    }
                }

                await SendAsync(to, buffer.AsMemory(0, count));
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Broken by either end, or by us.
        }
    }

    private async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await to.SendAsync(bytes, _stopped.Token)..];
        }
    }

    private sealed record Link(Socket Client, Socket Server)
    {
        /// <summary>With a reset, as when a machine or a network dies: nothing that was sent is still delivered.</summary>
        public void Break()
        {
            foreach (var socket in new[] { Client, Server })
            {
                try
                {
                    socket.LingerState = new LingerOption(true, 0);
                }
                catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
                {
                    // It is broken already.
                }

                socket.Dispose();
            }
        }
    }
}
