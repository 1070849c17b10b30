using System.Buffers.Text;
using System.Text.Json;
using BatchBus.Inference.Catalog;

namespace BatchBus.Inference.Mapping;

/// <summary>Reads the image blocks of a request. Every method returns what is wrong, or null.</summary>
internal static class ImageReader
{
    public static string? Read(JsonElement block, string path, CatalogModel model, out string url)
    {
        url = "";
        if (!model.AcceptsImages)
        {
            return $"{path}.type: Content blocks of type 'image' are not supported by this model; send text";
        }

        if (Fields.OnlyThese(block, path, "type", "source", "cache_control") is { } extra)
        {
            return extra;
        }

        path = $"{path}.source";
        if (!block.TryGetProperty("source"u8, out var source))
        {
            return $"{path}: Field required";
        }

        return Fields.Type(source, path, out var type) ?? type switch
        {
            "base64" => ReadBase64(source, path, out url),
            "url" => ReadUrl(source, path, out url),
            "file" => $"{path}.type: There is no Files API here; send the image as base64 or url",
            _ => $"{path}.type: Input tag '{Fields.Echo(type)}' found using 'type' does not match any of the expected tags: 'base64', 'url'",
        };
    }

    private static string? ReadBase64(JsonElement source, string path, out string url)
    {
        url = "";
        var data = "";
        if ((Fields.Text(source, "media_type", path, out var mediaType) ?? Fields.Text(source, "data", path, out data)
            ?? Fields.OnlyThese(source, path, "type", "media_type", "data")) is { } problem)
        {
            return problem;
        }

        if (mediaType is not ("image/jpeg" or "image/png" or "image/gif" or "image/webp"))
        {
            return $"{path}.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'";
        }

        if (!Base64.IsValid(data.AsSpan(), out var length) || length == 0)
        {
            return $"{path}.data: Input should be the image's bytes in base64";
        }

        url = $"data:{mediaType};base64,{data}";
        return null;
    }

    private static string? ReadUrl(JsonElement source, string path, out string url)
    {
        if ((Fields.Text(source, "url", path, out url) ?? Fields.OnlyThese(source, path, "type", "url")) is { } problem)
        {
            return problem;
        }

        return Uri.TryCreate(url, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp)
            ? null
            : $"{path}.url: Input should be an http or https address";
    }
}
