using BatchBus.Api.Batches.Cancel;
using BatchBus.Api.Batches.Delete;
using BatchBus.Api.Batches.Explain;
using BatchBus.Api.Batches.Follow;
using BatchBus.Api.Batches.List;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Batches.Results;
using BatchBus.Api.Batches.Retry;
using BatchBus.Api.Batches.Submit;
using BatchBus.Api.Documentation;
using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using BatchBus.Api.Models;
using BatchBus.Api.Usage;
using BatchBus.Storage;
using BatchBus.Webhooks;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace BatchBus.Api;

/// <summary>Registration of the HTTP facade.</summary>
public static class ApiServices
{
    /// <summary>Adds the facade's endpoints.</summary>
    public static IServiceCollection AddBatchBusApi(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddBatchBusStorage();
        services.AddBatchBusWebhooks(configuration);
        services.AddOptions<ApiOptions>()
            .Bind(configuration.GetSection(ApiOptions.Section))
            .Validate(options => options.MaxBatchBytes > 0, $"{ApiOptions.Section}:MaxBatchBytes must be more than 0.")
            .Validate(options => options.MaxBatchRequests > 0, $"{ApiOptions.Section}:MaxBatchRequests must be more than 0.")
            .Validate(options => options.MaxRequestBytes is >= 1 << 20 and <= 256 << 20, $"{ApiOptions.Section}:MaxRequestBytes must be from 1 MiB to 256 MiB.")
            .Validate(options => options.MaxUploadTime > TimeSpan.Zero, $"{ApiOptions.Section}:MaxUploadTime must be more than 0.")
            .Validate(options => options.Window > TimeSpan.Zero, $"{ApiOptions.Section}:Window must be more than 0.")
            .Validate(
                options => options.PublicBaseUrl is null or { IsAbsoluteUri: true, Scheme: "http" or "https" },
                $"{ApiOptions.Section}:PublicBaseUrl must be an absolute http or https address.")
            .ValidateOnStart();
        services.AddSingleton(new ApiKeyRing(configuration.GetSection(ApiKeyOptions.Section).Get<ApiKeyOptions[]>() ?? []));
        services.AddSingleton<BatchIntake>();
        services.AddSingleton<BatchResponse>();
        services.AddSingleton(provider => new BusUsers(configuration, provider.GetRequiredService<ApiKeyRing>()));
        services.AddSingleton<CallerCheck>();
        services.AddSingleton<CancelBatchEndpoint>();
        services.AddSingleton<CreateTies>();
        services.AddSingleton<DeleteBatchEndpoint>();
        services.AddSingleton<ExplainRequestEndpoint>();
        services.AddSingleton<FollowEndpoint>();
        services.AddSingleton<ListBatchesEndpoint>();
        services.AddSingleton<ModelsEndpoint>();
        services.AddSingleton<ResultsEndpoint>();
        services.AddSingleton<RetryBatchEndpoint>();
        services.AddSingleton<SubmissionAnswers>();
        services.AddSingleton<SubmitBatchEndpoint>();
        services.AddSingleton<UsageEndpoint>();
        services.AddSingleton<UsagePrices>();
        services.AddSingleton<WaitingRequests>();
        return services;
    }

    /// <summary>Adds the bus as an entrance, the queue <c>submit-batch</c>.</summary>
    public static void AddSubmitBatch(this IBusRegistrationConfigurator bus) => bus.AddConsumer<SubmitBatchConsumer, SubmitBatchConsumerDefinition>();

    /// <summary>Gives every answer its <c>request-id</c> and every failure its documented shape. Comes first in the pipeline.</summary>
    public static IApplicationBuilder UseApiErrors(this IApplicationBuilder app) => app.UseMiddleware<ErrorResponses>();

    /// <summary>Maps the endpoints below <c>/v1</c>, and the pages that describe them.</summary>
    public static void MapBatchBusApi(this IEndpointRouteBuilder routes)
    {
        var batches = routes.MapGroup("/v1/messages/batches").AddEndpointFilter(AuthenticateAsync);
        batches.MapPost("", (HttpContext context, SubmitBatchEndpoint endpoint) => endpoint.HandleAsync(context));
        batches.MapGet("", (HttpContext context, ListBatchesEndpoint endpoint) => endpoint.HandleAsync(context));
        batches.MapPost("/{id}/cancel", (HttpContext context, CancelBatchEndpoint endpoint, string id) => endpoint.HandleAsync(context, id));
        batches.MapDelete("/{id}", (HttpContext context, DeleteBatchEndpoint endpoint, string id) => endpoint.HandleAsync(context, id));
        batches.MapGet("/{id}", async (HttpContext context, BatchResponse response, string id) => await response.WriteAsync(context, await response.FindAsync(context, id)));
        batches.MapPost("/{id}/retry", (HttpContext context, RetryBatchEndpoint endpoint, string id) => endpoint.HandleAsync(context, id));
        batches.MapGet(
            "/{id}/requests/{custom_id}",
            (HttpContext context, ExplainRequestEndpoint endpoint, string id, [FromRoute(Name = "custom_id")] string customId) => endpoint.HandleAsync(context, id, customId));
        batches.MapGet("/{id}/results", (HttpContext context, ResultsEndpoint endpoint, string id) => endpoint.HandleAsync(context, id));
        batches.MapGet("/{id}/events", (HttpContext context, FollowEndpoint endpoint, string id) => endpoint.HandleAsync(context, id));

        // What tells the length of a download before it begins; the others have none that would be of use.
        batches.MapMethods("/{id}/results", [HttpMethods.Head], (HttpContext context, ResultsEndpoint endpoint, string id) => endpoint.HandleAsync(context, id));

        var models = routes.MapGroup("/v1/models").AddEndpointFilter(AuthenticateAsync);
        models.MapGet("", (HttpContext context, ModelsEndpoint endpoint) => endpoint.ListAsync(context));
        models.MapGet("/{id}", (HttpContext context, ModelsEndpoint endpoint, string id) => endpoint.RetrieveAsync(context, id));
        routes.MapGroup("/v1/usage").AddEndpointFilter(AuthenticateAsync).MapGet("", (HttpContext context, UsageEndpoint endpoint) => endpoint.HandleAsync(context));
        routes.MapDocumentation();
    }

    private static async ValueTask<object?> AuthenticateAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        await invocation.HttpContext.RequestServices.GetRequiredService<CallerCheck>().LetInAsync(invocation.HttpContext);
        return await next(invocation);
    }
}
