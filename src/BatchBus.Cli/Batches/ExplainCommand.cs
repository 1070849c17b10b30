using System.CommandLine;

namespace BatchBus.Cli.Batches;

/// <summary><c>batchbus explain</c>: where one request is, and why it waits or failed.</summary>
internal static class ExplainCommand
{
    public static Command Create()
    {
        var batch = BatchCommand.BatchArgument();
        var request = new Argument<string>("CUSTOM_ID") { Description = "The request's custom_id." };
        var server = ServerAccess.AddressOption();
        var json = ServerAccess.JsonOption("Prints one JSON document: status, routing, result, queue and endpoints, as /docs describes it.");
        var command = new Command(
            "explain",
            $"""
            Says where one request of a batch is and why it waits or failed: which rule chose its model, how many come
            before it, which worker has it, and what is wrong with its endpoint. {ServerAccess.Help}

            Exit code: 0 when there is such a request,
            {ExitCodes.Help}
            """)
        {
            batch,
            request,
            server,
            json,
        };
        command.SetAction((result, cancellationToken) => BatchCommand.RunAsync(
            result.GetValue(server),
            async client =>
            {
                var id = result.GetValue(batch)!;
                var explained = await client.ExplainAsync(id, result.GetValue(request)!, cancellationToken);
                if (result.GetValue(json))
                {
                    BatchCommand.Print(explained);
                    return ExitCodes.Succeeded;
                }

                var status = explained.GetProperty("status").GetString()!;
                Console.WriteLine($"{explained.GetProperty("custom_id").GetString()}: {status.Replace('_', ' ')}");
                foreach (var sentence in explained.GetProperty("explanation").EnumerateArray())
                {
                    Console.WriteLine($"  {sentence.GetString()}");
                }

                if (status is "canceled" or "expired" || (status is "errored" && RetryAdvice.MayPass(explained.GetProperty("result").GetProperty("error_type").GetString())))
                {
                    Console.WriteLine($"  Once the batch has ended, `batchbus retry-failed {id}` tries it again, with all that did not succeed.");
                }

                return ExitCodes.Succeeded;
            },
            cancellationToken));
        return command;
    }
}
