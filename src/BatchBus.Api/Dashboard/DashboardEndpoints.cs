using BatchBus.Api.Documentation;
using Microsoft.AspNetCore.Routing;

namespace BatchBus.Api.Dashboard;

/// <summary>
/// The operators' page at <c>/</c>. It is open to anybody because it holds no data: it asks for an API key where the API wants one, and
/// keeps it as long as the browser's tab.
/// </summary>
internal static class DashboardEndpoints
{
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static void MapDashboard(this IEndpointRouteBuilder routes)
    {
        routes.MapFile("/", "Dashboard.dashboard.html", "text/html; charset=utf-8", Policy);
        routes.MapFile("/dashboard.css", "Dashboard.dashboard.css", "text/css; charset=utf-8", Policy);
        routes.MapFile("/dashboard.js", "Dashboard.dashboard.js", "text/javascript; charset=utf-8", Policy);
    }
}
