using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using BatchBus.Host;
using BatchBus.Inference;
using BatchBus.Inference.Catalog;
using BatchBus.TestServers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace BatchBus.Acceptance.Tests.Documentation;

/// <summary>The tables of <c>infra/settings.md</c> say what the code says.</summary>
public sealed partial class SettingsTests
{
    /// <summary>Sections whose settings stand below a name or a number.</summary>
    private static readonly Dictionary<string, string> Below = new() { ["BatchBus:ApiKeys"] = "0__", ["BatchBus:Models"] = "<>__", ["BatchBus:Workspaces"] = "<>__" };

    /// <summary>The host sets it itself, where no endpoint is configured.</summary>
    private const string NoSetting = "BatchBus__Models__<>__Simulated";

    private static readonly Dictionary<string, string> Documented = Rows();

    private static readonly Dictionary<string, object?> Existing = OptionsTypes()
        .SelectMany(type => Settings(Prefix(type.Section), type.Options, Activator.CreateInstance(type.Options)))
        .Concat(ReadByName())
        .Where(setting => setting.Name != NoSetting)
        .ToDictionary(setting => setting.Name, setting => setting.Default);

    [Test]
    public void Every_setting_is_in_a_table_and_every_row_is_a_setting() => Assert.That(Documented.Keys, Is.EquivalentTo(Existing.Keys));

    [Test]
    public void Every_default_is_the_code_s()
    {
        using (Assert.EnterMultipleScope())
        {
            foreach (var (name, value) in Existing.Where(setting => Documented.ContainsKey(setting.Key)))
            {
                if (value is Dictionary<string, string> entries)
                {
                    Assert.That(Word().Matches(Documented[name]).Select(match => match.Groups[1].Value), Is.EquivalentTo(entries.Keys.Concat(entries.Values.Distinct())), name);
                }
                else
                {
                    Assert.That(Leading().Match(Documented[name]) is { Success: true } match ? match.Groups[1].Value : null, Is.EqualTo(Literal(value)), name);
                }
            }
        }
    }

    [TestCase("mistral-7b")]
    [TestCase("llama-70b")]
    public void What_a_built_in_model_has_of_its_own_is_named(string model)
    {
        using var services = new ServiceCollection().AddBatchBusInference(new ConfigurationManager()).BuildServiceProvider();
        var own = Settings("BatchBus__Models__<>__", typeof(ModelOptions), services.GetRequiredService<IOptionsMonitor<ModelOptions>>().Get(model))
            .Where(setting => setting.Name != NoSetting && Literal(setting.Default) != Literal(Existing[setting.Name]))
            .ToList();

        Assert.That(own, Is.Not.Empty);
        using (Assert.EnterMultipleScope())
        {
            foreach (var (name, value) in own)
            {
                Assert.That(Documented[name], Does.Match($"{Regex.Escape(Literal(value)!)} for ([^,]* and (for )?)?{model}"), name);
            }
        }
    }

    [Test]
    public void What_the_code_reads_by_name_is_a_setting()
    {
        var known = Existing.Keys.Select(name => name.Replace("__", ":", StringComparison.Ordinal)).ToList();
        var named = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Named().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value))
            .ToHashSet();

        Assert.That(named, Is.Not.Empty);
        Assert.That(named.Where(name => !known.Any(setting => setting == name || setting.StartsWith(name + ":", StringComparison.Ordinal))), Is.Empty);
    }

    private static Dictionary<string, string> Rows()
        => File.ReadLines(Path.Combine(Repository.Root, "infra", "settings.md"))
            .Select(line => Row().Match(line))
            .Where(row => row.Success)
            .ToDictionary(row => Placeholder().Replace(row.Groups["name"].Value, "<>"), row => row.Groups["default"].Value.Trim());

    private static IEnumerable<(Type Options, string Section)> OptionsTypes()
        => from name in typeof(BatchBusHost).Assembly.GetReferencedAssemblies().Where(name => name.Name!.StartsWith("BatchBus.", StringComparison.Ordinal)).SelectMany(WithItsOwn).DistinctBy(name => name.FullName)
           from type in Assembly.Load(name).GetExportedTypes()
           from field in type.GetFields(BindingFlags.Public | BindingFlags.Static)
           where field.IsLiteral && field.Name is "Section" or "SectionName"
           select (type, (string)field.GetRawConstantValue()!);

    private static IEnumerable<AssemblyName> WithItsOwn(AssemblyName name)
        => Assembly.Load(name).GetReferencedAssemblies().Where(other => other.Name!.StartsWith("BatchBus.", StringComparison.Ordinal)).SelectMany(WithItsOwn).Append(name);

    private static string Prefix(string section) => $"{section.Replace(":", "__", StringComparison.Ordinal)}__{Below.GetValueOrDefault(section)}";

    private static IEnumerable<(string Name, object? Default)> Settings(string prefix, Type type, object? defaults)
    {
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            var value = defaults is null ? null : property.GetValue(defaults);
            var name = prefix + property.Name;
            var kind = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (property.SetMethod is not { IsPublic: true } && value is not (IDictionary or IList { IsFixedSize: false }))
            {
                continue;
            }

            if (value is IDictionary)
            {
                yield return ($"{name}__<>", value);
            }
            else if (kind != typeof(string) && kind.IsAssignableTo(typeof(IEnumerable)))
            {
                var item = kind.IsArray ? kind.GetElementType()! : kind.GetGenericArguments()[0];
                foreach (var setting in IsPlain(item) ? [($"{name}__0", null)] : Settings($"{name}__0__", item, Activator.CreateInstance(item)))
                {
                    yield return setting;
                }
            }
            else if (IsPlain(kind))
            {
                yield return (name, value);
            }
            else
            {
                foreach (var setting in Settings($"{name}__", kind, value ?? Activator.CreateInstance(kind)))
                {
                    yield return setting;
                }
            }
        }
    }

    /// <summary>Settings that are read by name.</summary>
    private static IEnumerable<(string Name, object? Default)> ReadByName()
    {
        var settings = HostSettings.Read(new ConfigurationManager());
        foreach (var property in typeof(HostSettings).GetProperties().Where(property => property.CanWrite))
        {
            var value = property.GetValue(settings);
            yield return property.Name switch
            {
                nameof(HostSettings.RabbitMq) or nameof(HostSettings.Redis) => ($"ConnectionStrings__{property.Name}", value),
                nameof(HostSettings.Roles) => ($"BatchBus__{property.Name}", null), // all of them, in words
                nameof(HostSettings.DataDirectory) => ($"BatchBus__{property.Name}", Path.GetFileName(settings.DataDirectory)),
                _ => ($"BatchBus__{property.Name}", value),
            };
        }

        yield return ("BatchBus__LogLevel", "Information");
        yield return ("BatchBus__Workspaces__<>__BusUsers__0", null);
    }

    private static bool IsPlain(Type type) => type.IsPrimitive || type.IsEnum || type.Namespace == "System";

    /// <summary>As the default's cell begins; null where there is no value.</summary>
    private static string? Literal(object? value) => value switch
    {
        null or "" => null,
        bool flag => flag ? "true" : "false",
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    [GeneratedRegex(@"^\| `(?<name>(BatchBus|ConnectionStrings)__[^`]+)` \|.*\|(?<default>[^|]*)\|$")]
    private static partial Regex Row();

    [GeneratedRegex("<[a-z]+>")]
    private static partial Regex Placeholder();

    [GeneratedRegex("^`([^`]+)`")]
    private static partial Regex Leading();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Word();

    [GeneratedRegex("\"(BatchBus(:[A-Z][A-Za-z]+)+)\"")]
    private static partial Regex Named();
}
