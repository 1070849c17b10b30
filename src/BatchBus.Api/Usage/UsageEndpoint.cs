using System.Globalization;
using System.Text.Json;
using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Usage;

/// <summary><c>GET /v1/usage</c>, our extension: what the caller's workspace used by day and model, and what that cost.</summary>
internal sealed class UsageEndpoint(UsageReports reports, TimeProvider time)
{
    private const string Form = "yyyy-MM-dd";
    private const int DefaultDays = 30;
    private const int MostDays = 400;

    public async Task HandleAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var workspace = WorkspaceOf(context);
        var (from, to) = Days(query);
        var report = await reports.ReadAsync(workspace, from, to);
        context.Response.ContentType = "application/json";
        await JsonSerializer.SerializeAsync(context.Response.Body, report, UsageReportJson.Default.UsageReport, context.RequestAborted);
    }

    private static string WorkspaceOf(HttpContext context)
    {
        var asked = context.Request.Query["workspace"].ToString();
        return asked.Length == 0 || asked == context.Workspace()
            ? context.Workspace()
            : throw ApiException.InvalidRequest($"workspace: this API key belongs to the workspace \"{context.Workspace()}\" and sees its usage only. Use a key of the other workspace.");
    }

    private (DateOnly From, DateOnly To) Days(IQueryCollection query)
    {
        var to = Day(query, "to") ?? DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var from = Day(query, "from") ?? (to.DayNumber < DefaultDays ? DateOnly.MinValue : to.AddDays(1 - DefaultDays));
        if (from > to)
        {
            throw ApiException.InvalidRequest($"from: {Text(from)} is after to, {Text(to)}. Exchange the two.");
        }

        return to.DayNumber - from.DayNumber < MostDays
            ? (from, to)
            : throw ApiException.InvalidRequest($"from: Input should be at most {MostDays} days before to; ask for a part at a time");
    }

    private static DateOnly? Day(IQueryCollection query, string name)
    {
        var text = query[name].ToString();
        if (text.Length == 0)
        {
            return null;
        }

        return DateOnly.TryParseExact(text, Form, CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? day
            : throw ApiException.InvalidRequest($"{name}: Input should be a date such as 2026-10-01");
    }

    private static string Text(DateOnly day) => day.ToString(Form, CultureInfo.InvariantCulture);
}
