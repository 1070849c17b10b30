namespace BatchBus.RedisSagas;

/// <summary>The scripts of the repository; each file states its keys, arguments, result and invariant.</summary>
internal static class SagaScripts
{
    public static readonly string Insert = Read("insert");
    public static readonly string Update = Read("update");
    public static readonly string Delete = Read("delete");

    private static string Read(string name)
    {
        using var stream = typeof(SagaScripts).Assembly.GetManifestResourceStream($"BatchBus.RedisSagas.Scripts.{name}.lua")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
