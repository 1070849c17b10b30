namespace BatchBus.Storage.Results;

/// <summary>Reads the string that has one character per request, zero while it has no result.</summary>
internal static class Outcomes
{
    /// <summary>Per request of a range, whether it has a result; the string ends with the last request that has one.</summary>
    public static bool[] Finished(byte[]? outcomes, int count)
    {
        var finished = new bool[count];
        for (var i = 0; i < outcomes?.Length; i++)
        {
            finished[i] = outcomes[i] != 0;
        }

        return finished;
    }
}
