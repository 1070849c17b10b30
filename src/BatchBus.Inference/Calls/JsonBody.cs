using System.Net.Http.Headers;

namespace BatchBus.Inference.Calls;

internal static class JsonBody
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");

    public static HttpContent Of(ReadOnlyMemory<byte> json) => new ReadOnlyMemoryContent(json) { Headers = { ContentType = Json } };
}
