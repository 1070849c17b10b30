using System.Text;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.Tests.Mapping;

/// <summary>Models that take different things, and the way from a request's params to what is sent to them.</summary>
internal static class MappedModels
{
    public static CatalogModel TextOnly { get; } = new("mistral-7b", new ModelOptions { MaxContextTokens = 2_000 });

    public static CatalogModel Seeing { get; } = new("qwen-vl", new ModelOptions { AcceptsImages = true, MaxStopSequences = 6 });

    public static CatalogModel WithoutSystemRole { get; } = new("old", new ModelOptions { AcceptsImages = true, AcceptsSystemRole = false });

    public static string Written(string parameters, CatalogModel model) =>
        Encoding.UTF8.GetString(ChatRequestWriter.Write(Read(parameters, model), model, "served").Span);

    public static ChatRequest Read(string parameters, CatalogModel model)
    {
        Assert.That(MessagesParamsReader.TryRead(Encoding.UTF8.GetBytes(parameters), model, out var request, out var refusal), Is.True, refusal?.Message);
        return request!;
    }

    public static string? RefusalOf(string parameters, CatalogModel model)
    {
        var isRead = MessagesParamsReader.TryRead(Encoding.UTF8.GetBytes(parameters), model, out _, out var refusal);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(isRead, Is.False);
            Assert.That(refusal?.ErrorType, Is.EqualTo("invalid_request_error"));
        }

        return refusal?.Message;
    }
}
