using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using BatchBus.Host;
using BatchBus.Inference.Catalog;

namespace BatchBus.Cli.Doctor;

/// <summary>Whether the models' endpoints can be reached, accept their keys, and serve their models.</summary>
internal sealed class EndpointChecks(InspectedSettings settings)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    public async Task<IReadOnlyList<Finding>> RunAsync(CancellationToken cancellationToken)
        => [.. (await Task.WhenAll(settings.Models.Select(model => LookAsync(model, cancellationToken)))).SelectMany(findings => findings)];

    private Task<Finding[]> LookAsync(CatalogModel model, CancellationToken cancellationToken)
    {
        if (model.Endpoints.Count == 0)
        {
            return Task.FromResult<Finding[]>(
            [
                Finding.Warning(
                    $"endpoint {model.Name}",
                    $"{model.Name} has no endpoint by the settings of this terminal: its answers are simulated, no model makes them.",
                    $"Set BatchBus__Models__{model.Name}__EndpointId (RunPod) or BatchBus__Models__{model.Name}__BaseUrl."),
            ]);
        }

        var options = settings.Options[model.Name];
        return Task.WhenAll(model.Endpoints.Select((endpoint, index) => LookAsync(
            endpoint,
            index == 0 ? options : options.Fallbacks[index - 1],
            $"BatchBus__Models__{model.Name}__{(index == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"Fallbacks__{index - 1}__"))}",
            cancellationToken)));
    }

    private static async Task<Finding> LookAsync(ModelEndpoint endpoint, EndpointOptions options, string setting, CancellationToken cancellationToken)
    {
        var check = $"endpoint {endpoint.Name}";
        var isRunPod = endpoint.Protocol is ModelProtocol.RunPodJobs;
        var address = endpoint.Address.GetLeftPart(UriPartial.Path);
        var reach = string.IsNullOrEmpty(options.BaseUrl) ? $"{setting}EndpointId" : $"{setting}BaseUrl";
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = Patience };
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{address}/{(isRunPod ? "health" : "models")}");
        if (!string.IsNullOrEmpty(options.ApiKey))
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", options.ApiKey);
        }

        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            var status = (int)response.StatusCode;
            return status switch
            {
                401 or 403 => Finding.Problem(
                    check,
                    $"{address} refuses {(string.IsNullOrEmpty(options.ApiKey) ? $"calls without a key, and {setting}ApiKey is not set" : $"the key in {setting}ApiKey")} (HTTP {status}).",
                    isRunPod ? $"Make a key in RunPod's console (Settings, API Keys) and set {setting}ApiKey. Requests for the model wait meanwhile." : $"Set {setting}ApiKey to a key that it accepts. Requests for the model wait meanwhile."),
                402 => Finding.Problem(check, $"{address} wants to be paid first (HTTP 402).", "Add to the account's balance. Requests for the model wait meanwhile."),
                404 when isRunPod => Finding.Problem(check, $"RunPod has no endpoint at {address} (HTTP 404).", $"Mend {reach}; `batchbus runpod status` shows the endpoints of the account."),
                >= 500 => Finding.Problem(check, $"{address} fails (HTTP {status}).", "Look at its log, and whether its worker has started. Requests for the model wait meanwhile."),
                200 => isRunPod ? Workers(check, address, await ReadAsync(response, cancellationToken)) : Models(check, address, endpoint, setting, await ReadAsync(response, cancellationToken)),
                _ => Finding.Warning(check, $"{address} answers with HTTP {status}, which does not say which models it serves.", $"If requests fail, check {reach} and {setting}ServedModel."),
            };
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && exception is HttpRequestException or OperationCanceledException)
        {
            var cause = exception is HttpRequestException failure ? (failure.InnerException ?? failure).Message.TrimEnd('.') : $"no answer within {Patience.TotalSeconds:0} s";
            return Finding.Problem(check, $"{address} cannot be reached ({cause}).", $"Start the model server there, or mend {reach}. Requests for the model wait meanwhile.");
        }
    }

    private static async Task<JsonElement?> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
            return body.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static Finding Workers(string check, string address, JsonElement? health)
    {
        if (health is not { ValueKind: JsonValueKind.Object } reply || !reply.TryGetProperty("workers", out var workers) || !reply.TryGetProperty("jobs", out var jobs))
        {
            return Finding.Problem(check, $"What answers at {address} is not RunPod's job interface.", "Check BaseUrl and Protocol of this endpoint.");
        }

        var running = Count(workers, "running") + Count(workers, "idle") + Count(workers, "ready");
        var waiting = Count(jobs, "inQueue");
        var text = string.Create(CultureInfo.InvariantCulture, $"{address} accepts the key; {running} {(running == 1 ? "worker" : "workers")} up, {Count(workers, "initializing")} starting, {waiting} {(waiting == 1 ? "job" : "jobs")} waiting");
        return running == 0 && Count(workers, "initializing") == 0 && waiting > 0
            ? Finding.Warning(check, $"{text}.", "No GPU may be free, or the account's limit of workers or balance is used up: RunPod's console says which.")
            : Finding.Ok(check, $"{text}.");
    }

    private static Finding Models(string check, string address, ModelEndpoint endpoint, string setting, JsonElement? models)
    {
        if (models is not { ValueKind: JsonValueKind.Object } reply || !reply.TryGetProperty("data", out var data) || data.ValueKind is not JsonValueKind.Array)
        {
            return Finding.Problem(check, $"What answers at {address} is not an OpenAI-style model server.", $"Check {setting}BaseUrl: it ends with /v1 as a rule.");
        }

        var served = data.EnumerateArray().Select(model => model.TryGetProperty("id", out var id) ? id.ToString() : "").ToList();
        return served.Contains(endpoint.ServedModel, StringComparer.Ordinal)
            ? Finding.Ok(check, $"{address} accepts the key and serves {endpoint.ServedModel}.")
            : Finding.Problem(
                check,
                $"{address} does not serve {endpoint.ServedModel}; it serves {(served.Count == 0 ? "nothing" : string.Join(", ", served.Take(5)))}.",
                $"Set {setting}ServedModel to the name that it knows, or load the model there.");
    }

    private static int Count(JsonElement counts, string name)
        => counts.ValueKind is JsonValueKind.Object && counts.TryGetProperty(name, out var count) && count.ValueKind is JsonValueKind.Number && count.TryGetInt32(out var number) ? number : 0;
}
