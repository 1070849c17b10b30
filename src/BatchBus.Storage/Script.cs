using StackExchange.Redis;

namespace BatchBus.Storage;

/// <summary>A Lua script of this assembly, named by its file. The client loads it where a server does not know it.</summary>
internal sealed class Script
{
    private readonly string _text;

    private Script(string text) => _text = text;

    public static Script Load(string name)
    {
        var resource = typeof(Script).Assembly.GetManifestResourceNames()
            .Single(candidate => candidate.EndsWith($".{name}.lua", StringComparison.Ordinal));
        using var reader = new StreamReader(typeof(Script).Assembly.GetManifestResourceStream(resource)!);
        return new Script(reader.ReadToEnd());
    }

    public Task<RedisResult> RunAsync(IDatabaseAsync database, RedisKey[] keys, RedisValue[] arguments)
        => database.ScriptEvaluateAsync(_text, keys, arguments);
}
