using System.Text.Json;
using BatchBus.Api.Errors;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Routing;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Models;

/// <summary><c>GET /v1/models</c> and <c>GET /v1/models/{id}</c>: the catalogue.</summary>
internal sealed class ModelsEndpoint(ModelCatalog catalog, ModelRouter router)
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 1000;

    /// <summary>Models are listed as they are configured; where only <c>before_id</c> is given, the page is the one directly before it.</summary>
    public async Task ListAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var limit = PageLimit.Read(query, DefaultLimit, MaxLimit);
        var (after, before) = (Cursor(query, "after_id"), Cursor(query, "before_id"));
        var models = catalog.Models.Skip((after ?? -1) + 1).Take((before ?? catalog.Models.Count) - (after ?? -1) - 1).ToList();
        var page = after is null && before is not null ? models.TakeLast(limit).ToList() : [.. models.Take(limit)];

        await using var json = Begin(context);
        json.WriteStartObject();
        json.WriteStartArray("data");
        foreach (var model in page)
        {
            Write(json, model);
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more", models.Count > page.Count);
        json.WriteString("first_id", page.Count > 0 ? page[0].Name : null);
        json.WriteString("last_id", page.Count > 0 ? page[^1].Name : null);
        json.WriteEndObject();
    }

    /// <summary>The model that a request of this <c>model</c> is executed on, so that aliases can be looked up.</summary>
    public async Task RetrieveAsync(HttpContext context, string id)
    {
        var route = router.Route(null, null, id);
        if (!route.HasModel || !catalog.TryGetModel(route.Model, out var model))
        {
            throw ApiException.NotFound(route.Failure!.Message);
        }

        await using var json = Begin(context);
        Write(json, model);
    }

    private static Utf8JsonWriter Begin(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        return new Utf8JsonWriter(context.Response.BodyWriter);
    }

    private static void Write(Utf8JsonWriter json, CatalogModel model)
    {
        json.WriteStartObject();
        json.WriteString("type", "model");
        json.WriteString("id", model.Name);
        json.WriteString("display_name", model.DisplayName);

        // Nobody tells us when a model came out; the API's own word for that is the epoch.
        json.WriteString("created_at", "1970-01-01T00:00:00Z");
        WriteTokens(json, "max_input_tokens", model.MaxContextTokens);
        WriteTokens(json, "max_tokens", model.MaxContextTokens);
        json.WriteNull("capabilities");
        json.WriteString("lifecycle", "active");
        json.WriteNull("line");
        json.WriteNull("deprecated_at");
        json.WriteNull("retires_at");
        json.WriteEndObject();
    }

    private static void WriteTokens(Utf8JsonWriter json, string name, int? tokens)
    {
        if (tokens is { } count)
        {
            json.WriteNumber(name, count);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private int? Cursor(IQueryCollection query, string name)
    {
        var id = query[name].ToString();
        if (id.Length == 0)
        {
            return null;
        }

        return catalog.Models.Index().FirstOrDefault(entry => entry.Item.Name == id) is { Item: not null } found
            ? found.Index
            : throw ApiException.InvalidRequest($"{name}: not the id of a model. Take first_id or last_id of an earlier page.");
    }
}
