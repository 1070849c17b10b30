using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Errors;

/// <summary>The <c>limit</c> of a list's page.</summary>
internal static class PageLimit
{
    /// <summary>Reads it from the query.</summary>
    /// <param name="query">The query.</param>
    /// <param name="usual">The limit where none is given.</param>
    /// <param name="most">The largest.</param>
    /// <exception cref="ApiException">It is no number from 1 to the largest.</exception>
    public static int Read(IQueryCollection query, int usual, int most)
    {
        var text = query["limit"].ToString();
        if (text.Length == 0)
        {
            return usual;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit >= 1 && limit <= most
            ? limit
            : throw ApiException.InvalidRequest($"limit: Input should be an integer from 1 to {most}");
    }
}
