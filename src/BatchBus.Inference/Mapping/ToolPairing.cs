namespace BatchBus.Inference.Mapping;

/// <summary>Checks that every call of a tool is answered in the turn after it, once, and that nothing else is.</summary>
internal static class ToolPairing
{
    /// <summary>What is wrong, or null.</summary>
    public static string? Check(List<ChatTurn> turns)
    {
        if (turns.TrueForAll(turn => turn.Results.Count == 0 && turn.Calls.Count == 0))
        {
            return null;
        }

        var all = new HashSet<string>(StringComparer.Ordinal);
        var open = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < turns.Count; i++)
        {
            foreach (var result in turns[i].Results)
            {
                if (!open.Remove(result.Id))
                {
                    return i > 0 && turns[i - 1].Calls.Exists(call => call.Id == result.Id)
                        ? $"{result.Path}.tool_use_id: '{Fields.Echo(result.Id)}' is answered twice; send one `tool_result` block for each `tool_use` block"
                        : $"{result.Path}.tool_use_id: The message before this one has no `tool_use` block with the id '{Fields.Echo(result.Id)}'";
                }
            }

            if (open.Count > 0)
            {
                return Unanswered(turns[i - 1], open);
            }

            foreach (var call in turns[i].Calls)
            {
                if (!all.Add(call.Id))
                {
                    return $"{call.Path}.id: `tool_use` ids must be unique; '{Fields.Echo(call.Id)}' is used twice";
                }

                open.Add(call.Id);
            }
        }

        return open.Count > 0 ? Unanswered(turns[^1], open) : null;
    }

    private static string Unanswered(ChatTurn turn, HashSet<string> open)
    {
        var call = turn.Calls.First(call => open.Contains(call.Id));
        return $"{call.Path}: `tool_use` ids were found without `tool_result` blocks immediately after: {Fields.Echo(call.Id)}; "
            + "answer each one in the next message";
    }
}
