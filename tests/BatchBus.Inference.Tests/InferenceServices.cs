using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace BatchBus.Inference.Tests;

/// <summary>The registration as a host makes it, from settings given as pairs, of which a later one overrides an earlier one.</summary>
internal static class InferenceServices
{
    public static ServiceProvider Create(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationManager();
        foreach (var (key, value) in settings)
        {
            configuration[key] = value;
        }

        return new ServiceCollection().AddBatchBusInference(configuration).BuildServiceProvider();
    }
}
