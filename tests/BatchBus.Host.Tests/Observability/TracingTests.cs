using BatchBus.Host.Observability;
using BatchBus.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Trace;

namespace BatchBus.Host.Tests.Observability;

[NonParallelizable]
public sealed class TracingTests
{
    [Test]
    public void Without_an_endpoint_nobody_listens()
    {
        using var services = Services();

        Assert.That(services.GetService<TracerProvider>(), Is.Null);
        Assert.That(Telemetry.Source.HasListeners(), Is.False);
    }

    [TestCase("1", true)]
    [TestCase("0", false)]
    public void The_usual_settings_choose_what_is_kept(string share, bool isKept)
    {
        using var services = Services(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"), ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", share));
        Assert.That(services.GetService<TracerProvider>(), Is.Not.Null);

        using var page = Telemetry.Source.StartActivity("a page");
        using var call = Telemetry.Source.StartActivity("a call of it");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(page?.Recorded, Is.EqualTo(isKept));
            Assert.That(call?.Recorded ?? false, Is.EqualTo(isKept), "a page is kept with its calls or not at all");
        }
    }

    private static ServiceProvider Services(params (string Name, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create<string, string?>(setting.Name, setting.Value))).Build();
        var services = new ServiceCollection().AddSingleton<IConfiguration>(configuration);
        services.AddTracing(configuration);
        return services.BuildServiceProvider();
    }
}
