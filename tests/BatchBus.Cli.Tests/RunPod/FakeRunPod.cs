using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace BatchBus.Cli.Tests.RunPod;

/// <summary>RunPod's management API v2 and the health of its job interface, with one account.</summary>
internal sealed class FakeRunPod : IAsyncDisposable
{
    public const string Key = "rpa_THEKEYOFTHEACCOUNT0123456789";

    private readonly WebApplication _application;
    private readonly Lock _gate = new();
    private readonly List<JsonObject> _endpoints = [];
    private readonly List<Request> _requests = [];
    private readonly Queue<Disturbance> _disturbances = [];

    private FakeRunPod(WebApplication application) => _application = application;

    public string Address => _application.Urls.Single();

    /// <summary>Every request so far, those that were refused included.</summary>
    public IReadOnlyList<Request> Requests
    {
        get
        {
            lock (_gate)
            {
                return [.. _requests];
            }
        }
    }

    /// <summary>The requests that change something.</summary>
    public IReadOnlyList<Request> Changes => [.. Requests.Where(request => request.Method != "GET")];

    public IReadOnlyList<JsonObject> Endpoints
    {
        get
        {
            lock (_gate)
            {
                return [.. _endpoints.Select(endpoint => endpoint.DeepClone().AsObject())];
            }
        }
    }

    public static async Task<FakeRunPod> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var application = builder.Build();
        var fake = new FakeRunPod(application);
        application.Run(fake.AnswerAsync);
        await application.StartAsync();
        return fake;
    }

    /// <summary>Puts an endpoint there, as the API would show it after a create with this body.</summary>
    public JsonObject Have(JsonObject body)
    {
        lock (_gate)
        {
            return Add(body);
        }
    }

    /// <summary>The next requests of a method get another answer.</summary>
    public void Disturb(Disturbance disturbance, int times = 1)
    {
        lock (_gate)
        {
            for (var i = 0; i < times; i++)
            {
                _disturbances.Enqueue(disturbance);
            }
        }
    }

    /// <summary>The endpoint after a change: groups take the members that are sent, everything else is replaced whole.</summary>
    public static JsonObject Merge(JsonObject endpoint, JsonObject changes)
    {
        var merged = endpoint.DeepClone().AsObject();
        foreach (var (field, value) in changes)
        {
            if (field is "gpu" or "workers" && merged[field] is JsonObject group && value is JsonObject members)
            {
                if (members.ContainsKey("pools"))
                {
                    group.Remove("excludedTypes");
                }

                foreach (var (member, memberValue) in members)
                {
                    group[member] = memberValue?.DeepClone();
                }
            }
            else
            {
                merged[field] = value?.DeepClone();
            }
        }

        return merged;
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var text = await new StreamReader(context.Request.Body).ReadToEndAsync(context.RequestAborted);
        var (status, reply) = Answer(context, text.Length == 0 ? null : JsonNode.Parse(text) as JsonObject);
        context.Response.StatusCode = status;
        if (reply is not null)
        {
            context.Response.ContentType = status < 400 ? "application/json" : "application/problem+json";
            await context.Response.WriteAsync(reply, context.RequestAborted);
        }
    }

    private (int Status, string? Reply) Answer(HttpContext context, JsonObject? body)
    {
        var (method, path) = (context.Request.Method, context.Request.Path.Value!);
        lock (_gate)
        {
            _requests.Add(new Request(method, path, body));
            if (context.Request.Headers.Authorization != $"Bearer {Key}")
            {
                return Problem(401, "Unauthorized", "invalid bearer token");
            }

            if (_disturbances.TryPeek(out var disturbance) && disturbance.Method == method)
            {
                _disturbances.Dequeue();
                if (disturbance.IsDoneAllTheSame)
                {
                    Add(body!);
                }

                if (disturbance.RetryAfter is { } seconds)
                {
                    context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
                }

                return (disturbance.Status, disturbance.Reply);
            }

            var parts = path.Trim('/').Split('/');
            return (method, parts) switch
            {
                ("GET", ["v2", "serverless"]) => (200, new JsonObject { ["endpoints"] = new JsonArray([.. _endpoints.Select(endpoint => endpoint.DeepClone())]) }.ToJsonString()),
                ("POST", ["v2", "serverless"]) => Create(body!),
                ("PATCH", ["v2", "serverless", var id]) when Find(id) is { } endpoint => Update(endpoint, body!),
                ("DELETE", ["v2", "serverless", var id]) when Find(id) is { } endpoint => Delete(endpoint),
                ("GET", ["v2", "serverless", var id, "workers"]) when Find(id) is not null
                    => (200, """{"workers":[],"summary":{"running":1,"idle":0,"initializing":2,"throttled":0,"unhealthy":0,"total":3}}"""),
                ("GET", ["v2", var id, "health"]) when Find(id) is not null
                    => (200, """{"jobs":{"completed":9,"failed":0,"inProgress":61,"inQueue":1204,"retried":0},"workers":{"idle":0,"running":1}}"""),
                _ => Problem(404, "Not Found", "resource not found"),
            };
        }
    }

    private (int Status, string? Reply) Create(JsonObject body)
        => EndpointSchema.ErrorsOfCreate(body) is { Count: > 0 } errors ? Invalid(body, errors) : (201, Add(body).ToJsonString());

    private (int Status, string? Reply) Update(JsonObject endpoint, JsonObject changes)
    {
        if (EndpointSchema.ErrorsOfChange(changes, endpoint) is { Count: > 0 } errors)
        {
            return Invalid(changes, errors);
        }

        var changed = _endpoints[_endpoints.IndexOf(endpoint)] = Merge(endpoint, changes);
        return (200, changed.ToJsonString());
    }

    private (int Status, string? Reply) Delete(JsonObject endpoint)
    {
        _endpoints.Remove(endpoint);
        return (204, null);
    }

    private JsonObject? Find(string id) => _endpoints.SingleOrDefault(endpoint => endpoint["id"]!.GetValue<string>() == id);

    private JsonObject Add(JsonObject body)
    {
        var shown = body.DeepClone().AsObject();
        shown["id"] = $"ep{_endpoints.Count + 1}abc";
        shown["createdAt"] = "2026-11-23T08:00:00Z";
        shown["args"] ??= "";
        shown["ports"] ??= new JsonArray();
        shown["dataCenterIds"] ??= new JsonArray();
        shown["networkVolumes"] ??= new JsonArray();
        shown["gpu"]!["allowedCudaVersions"] ??= new JsonArray();
        shown.Remove("templateId");
        _endpoints.Add(shown);
        return shown;
    }

    // As unkind as an API can be: it repeats what it was sent.
    private static (int Status, string? Reply) Invalid(JsonObject body, IReadOnlyList<string> errors)
        => Problem(422, "Unprocessable Entity", $"Request validation failed for {body.ToJsonString()}", errors);

    private static (int Status, string? Reply) Problem(int status, string title, string detail, IReadOnlyList<string>? errors = null)
    {
        var problem = new JsonObject { ["title"] = title, ["status"] = status, ["detail"] = detail };
        if (errors is not null)
        {
            problem["errors"] = new JsonArray([.. errors.Select(error => (JsonNode)error)]);
        }

        return (status, problem.ToJsonString());
    }

    internal sealed record Request(string Method, string Path, JsonObject? Body);

    internal sealed record Disturbance(string Method, int Status, string? Reply = null, int? RetryAfter = null, bool IsDoneAllTheSame = false);
}
