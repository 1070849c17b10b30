using StackExchange.Redis;

namespace BatchBus.Storage;

/// <summary>A Lua script of this assembly, named by its file. The client loads it where a server does not know it.</summary>
internal sealed class Script
{
    private readonly string _name;
    private readonly string _text;

    private Script(string name, string text)
    {
        _name = name;
        _text = text;
    }

    public static Script Load(string name)
    {
        var resource = typeof(Script).Assembly.GetManifestResourceNames()
            .Single(candidate => candidate.EndsWith($".{name}.lua", StringComparison.Ordinal));
        using var reader = new StreamReader(typeof(Script).Assembly.GetManifestResourceStream(resource)!);
        return new Script(name, reader.ReadToEnd());
    }

    public Task<RedisResult> RunAsync(IDatabaseAsync database, RedisKey[] keys, RedisValue[] arguments)
        => Failpoint.Armed is { } failpoint
            ? failpoint.AroundAsync($"script:{_name}", () => database.ScriptEvaluateAsync(_text, keys, arguments))
            : database.ScriptEvaluateAsync(_text, keys, arguments);
}
