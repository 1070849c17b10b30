using BatchBus.Inference.Catalog;
using Microsoft.Extensions.Logging;

namespace BatchBus.Host;

internal static partial class HostLog
{
    [LoggerMessage(LogLevel.Information, "BatchBus listens on {Urls} as {Roles} ({Servers})")]
    public static partial void Started(Microsoft.Extensions.Logging.ILogger logger, string urls, string roles, string servers);

    [LoggerMessage(LogLevel.Information, "BatchBus stops; open batches are kept")]
    public static partial void Stopping(Microsoft.Extensions.Logging.ILogger logger);

    [LoggerMessage(LogLevel.Information, "{Model} is served by {Endpoint} ({Protocol})")]
    public static partial void Endpoint(Microsoft.Extensions.Logging.ILogger logger, string model, string endpoint, ModelProtocol protocol);

    [LoggerMessage(LogLevel.Warning, "{Model} is SIMULATED: it has no endpoint. Set BatchBus__Models__{Model}__EndpointId or __BaseUrl for real answers")]
    public static partial void Simulated(Microsoft.Extensions.Logging.ILogger logger, string model);
}
