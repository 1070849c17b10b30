using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace BatchBus.Inference.Catalog;

internal sealed partial class ModelOptionsValidator : IValidateOptions<ModelOptions>
{
    private const int MostCalls = 65_536;

    private static readonly TimeSpan LongestTimeout = TimeSpan.FromHours(24);

    public ValidateOptionsResult Validate(string? name, ModelOptions options)
    {
        var problems = Problems(name ?? "", options)
            .Select(problem => $"{ModelOptions.SectionName}:{name}{problem}")
            .ToList();
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static IEnumerable<string> Problems(string name, ModelOptions options)
    {
        if (!ModelName.IsMatch(name))
        {
            yield return " is no model name: use up to 64 lower-case letters, digits, dots and hyphens, and begin with a letter or digit.";
        }

        foreach (var found in EndpointProblems(options))
        {
            yield return found;
        }

        foreach (var (fallback, index) in options.Fallbacks.Select((fallback, index) => (fallback, index)))
        {
            var problems = fallback.HasEndpoint ? EndpointProblems(fallback) : [" names no endpoint; set BaseUrl or EndpointId."];
            foreach (var found in problems)
            {
                yield return $":Fallbacks:{index}{found}";
            }
        }

        if (options.Fallbacks.Count > 0 && !options.HasEndpoint)
        {
            yield return ":Fallbacks stand in for an endpoint that is not set; set BaseUrl or EndpointId of the model itself.";
        }

        if (options.Prefetch is < 1 or > MostCalls)
        {
            yield return $":Prefetch is {options.Prefetch}; set a number from 1 to {MostCalls}.";
        }

        if (options.MaxContextTokens is < 1)
        {
            yield return $":MaxContextTokens is {options.MaxContextTokens}; set a positive number or leave it out.";
        }

        if (options.MaxStopSequences is < 0)
        {
            yield return $":MaxStopSequences is {options.MaxStopSequences}; set the number that the endpoint accepts, or 0 for none.";
        }

        foreach (var (setting, value) in new[]
        {
            ("RequestTimeout", options.RequestTimeout),
            ("ConnectTimeout", options.ConnectTimeout),
            ("PollInterval", options.PollInterval),
            ("MaxPollInterval", options.MaxPollInterval),
        })
        {
            if (value <= TimeSpan.Zero || value > LongestTimeout)
            {
                yield return $":{setting} is {value}; set a time above zero and up to 24 hours, such as 00:05:00.";
            }
        }

        if (options.PollInterval > options.MaxPollInterval)
        {
            yield return $":PollInterval ({options.PollInterval}) is longer than MaxPollInterval ({options.MaxPollInterval}); make it the shorter one.";
        }

        if (options.DollarsPerGpuSecond is < 0)
        {
            yield return ":DollarsPerGpuSecond is negative; set dollars per second, such as 0.00031.";
        }

        if (options.ComparedWith is { } price && PriceProblem(price) is { } problem)
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> EndpointProblems(EndpointOptions options)
    {
        if (!string.IsNullOrEmpty(options.BaseUrl) && !IsPlainHttpAddress(options.BaseUrl))
        {
            yield return ":BaseUrl is no absolute http or https address without user, query and fragment; use one such as http://localhost:8000/v1.";
        }

        if (!string.IsNullOrEmpty(options.EndpointId) && !EndpointId.IsMatch(options.EndpointId))
        {
            yield return ":EndpointId holds more than letters, digits, '-' and '_'; set the id alone, or the whole address as BaseUrl.";
        }

        if (options.Protocol is { } protocol && !Enum.IsDefined(protocol))
        {
            yield return ":Protocol is unknown; use RunPodJobs or OpenAi.";
        }

        if (options.Protocol is ModelProtocol.OpenAi && string.IsNullOrEmpty(options.BaseUrl) && !string.IsNullOrEmpty(options.EndpointId))
        {
            yield return ":BaseUrl is missing: the protocol OpenAi needs an address such as http://host/v1, or use the protocol RunPodJobs with EndpointId.";
        }

        if (options.ApiKey is { } key && key.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            yield return ":ApiKey holds a blank, a line break or a character outside ASCII; set the bare key.";
        }

        if (string.IsNullOrEmpty(options.ApiKey) && ModelEndpoint.AddressOf(options) is { Host: ModelEndpoint.RunPodHost })
        {
            yield return ":ApiKey is missing: RunPod asks for one; create it in RunPod's console and set it here.";
        }

        if (options.MaxInFlight is < 1 or > MostCalls)
        {
            yield return $":MaxInFlight is {options.MaxInFlight}; set a number from 1 to {MostCalls}.";
        }
    }

    private static string? PriceProblem(ManagedPriceOptions price)
    {
        if (string.IsNullOrWhiteSpace(price.Name))
        {
            return ":ComparedWith:Name is missing; name the managed model whose prices these are.";
        }

        return price switch
        {
            { InputDollarsPerMillion: < 0 } or { OutputDollarsPerMillion: < 0 } => ":ComparedWith holds a negative price; set dollars per million tokens.",
            { InputDollarsPerMillion: null, OutputDollarsPerMillion: null } => ManagedPrices.Find(price.Name) is not null
                ? null
                : $":ComparedWith:Name is \"{price.Name}\", whose prices are not built in; set InputDollarsPerMillion, OutputDollarsPerMillion and AsOf beside it, or name one of {ManagedPrices.Names}.",
            { InputDollarsPerMillion: null } or { OutputDollarsPerMillion: null } => ":ComparedWith holds one price only; set InputDollarsPerMillion and OutputDollarsPerMillion, or neither.",
            { AsOf: null } => ":ComparedWith:AsOf is missing; set the day on which these prices were read, such as 2026-10-01.",
            _ => null,
        };
    }

    // The value itself never goes into a message: people put passwords into addresses.
    private static bool IsPlainHttpAddress(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
        && uri.UserInfo.Length == 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0;

    [GeneratedRegex("^[a-z0-9][a-z0-9.-]{0,63}$")]
    private static partial Regex ModelName { get; }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}$")]
    private static partial Regex EndpointId { get; }
}
