using System.Buffers;
using BatchBus.Simulator.Chat;

namespace BatchBus.Simulator.Jobs;

/// <summary>One serverless endpoint: its jobs and their way from the queue to the result.</summary>
internal sealed class JobEndpoint(ModelEngine engine)
{
    private const string ChatRoute = "/v1/chat/completions";

    private static readonly TimeSpan Retention = TimeSpan.FromMinutes(30);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Job> _jobs = [];

    // In the order in which they ended, which is about the order in which their results expire.
    private readonly Queue<Job> _ended = [];
    private int _inQueue;
    private int _inProgress;
    private int _completed;
    private int _failed;

    public JobState Submit(JobRequest body)
    {
        var now = engine.TimeProvider.GetUtcNow();
        var job = Accept(body, now);
        lock (_lock)
        {
            ForgetExpired_NeedsLock();
            _jobs.Add(job.Id, job);
            _inQueue++;
            if (job.Request is null)
            {
                End_NeedsLock(job, JobStatus.Failed);
            }
        }

        if (job.Request is { } request)
        {
            _ = RunAsync(job, request);
        }

        // Whatever became of it meanwhile: RunPod answers before a worker sees the job.
        return new JobState(job, JobStatus.InQueue, now, now);
    }

    public JobState? Find(string id)
    {
        lock (_lock)
        {
            return Find_NeedsLock(id) is { } job ? StateOf_NeedsLock(job) : null;
        }
    }

    public JobState? Cancel(string id)
    {
        JobState state;
        lock (_lock)
        {
            if (Find_NeedsLock(id) is not { } job)
            {
                return null;
            }

            if (job.IsOpen)
            {
                End_NeedsLock(job, JobStatus.Cancelled);
            }

            state = StateOf_NeedsLock(job);
        }

        state.Job.Stop();
        return state;
    }

    public (int Completed, int Failed, int InProgress, int InQueue) Count()
    {
        lock (_lock)
        {
            return (_completed, _failed, _inProgress, _inQueue);
        }
    }

    /// <summary>Cancels what is open.</summary>
    public void Stop()
    {
        List<string> open;
        lock (_lock)
        {
            open = [.. _jobs.Values.Where(job => job.IsOpen).Select(job => job.Id)];
        }

        open.ForEach(id => Cancel(id));
    }

    private static string FailureOf(ChatRejection rejection)
    {
        var json = JsonBody.Begin();
        rejection.Write(json.Writer);
        return WorkerError.Of($"vLLM returned HTTP {rejection.Status}: {json}");
    }

    private Job Accept(JobRequest body, DateTimeOffset now)
    {
        SimulatorLog.Ticket ticket;
        string error;
        if (body.Route == ChatRoute && body.OpenAiInput is { } json)
        {
            ticket = engine.Accept(json, SimulatedProtocol.RunPodJobs, out var request, out var rejection);
            if (rejection is null)
            {
                return NewJob(request, null);
            }

            error = FailureOf(rejection);
        }
        else
        {
            ticket = engine.Log.Begin(0, engine.Models[0], SimulatedProtocol.RunPodJobs);
            error = body.OpenAiInput is null
                ? WorkerError.Of("Job input must contain one of: openai_input (+openai_route), route (+body), messages, prompt")
                : FailureOf(ChatRejection.NotFound("Not Found"));
        }

        return NewJob(null, error);

        Job NewJob(ChatRequest? request, string? error) => new()
        {
            CompletionId = engine.NextCompletionId(),
            Request = request,
            Error = error,
            Ticket = ticket,
            Submitted = now,
            Started = now,
            Expires = now + body.Ttl,
            ExecutionTimeout = body.ExecutionTimeout,
        };
    }

    private async Task RunAsync(Job job, ChatRequest request)
    {
        try
        {
            await engine.EnterAsync(job.Stopped);
            try
            {
                Start(job);
                var latency = engine.LatencyOf(request.Key);
                var left = job.Expires - engine.TimeProvider.GetUtcNow();
                var limit = left < job.ExecutionTimeout ? left : job.ExecutionTimeout;
                await engine.WaitAsync(latency < limit ? latency : limit, job.Stopped);
                Complete(job, latency < limit ? JobStatus.Completed : JobStatus.TimedOut);
            }
            finally
            {
                engine.Exit();
            }
        }
        catch (OperationCanceledException)
        {
            // Cancel has already ended the job.
        }
    }

    private void Start(Job job)
    {
        lock (_lock)
        {
            if (job.Status == JobStatus.InQueue)
            {
                job.Status = JobStatus.InProgress;
                job.Started = engine.TimeProvider.GetUtcNow();
                _inQueue--;
                _inProgress++;
            }
        }
    }

    private void Complete(Job job, JobStatus status)
    {
        lock (_lock)
        {
            if (job.IsOpen)
            {
                End_NeedsLock(job, status);
            }
        }
    }

    private void End_NeedsLock(Job job, JobStatus status)
    {
        var now = engine.TimeProvider.GetUtcNow();
        if (job.Status == JobStatus.InQueue)
        {
            _inQueue--;
        }
        else
        {
            _inProgress--;
        }

        var outcome = SimulatedOutcome.Canceled;
        if (status == JobStatus.Completed)
        {
            _completed++;
            outcome = SimulatedOutcome.Completed;
        }
        else if (status != JobStatus.Cancelled)
        {
            _failed++;
            outcome = SimulatedOutcome.Failed;
        }

        engine.Log.End(job.Ticket, outcome);
        job.Status = status;
        job.Ended = now;
        job.Expires = job.Expires < now + Retention ? job.Expires : now + Retention;
        _ended.Enqueue(job);
    }

    private Job? Find_NeedsLock(string id)
    {
        ForgetExpired_NeedsLock();
        return _jobs.TryGetValue(id, out var job) && job.Expires > engine.TimeProvider.GetUtcNow() ? job : null;
    }

    private void ForgetExpired_NeedsLock()
    {
        var now = engine.TimeProvider.GetUtcNow();
        while (_ended.TryPeek(out var job) && job.Expires <= now)
        {
            _jobs.Remove(_ended.Dequeue().Id);
        }
    }

    private static JobState StateOf_NeedsLock(Job job) => new(job, job.Status, job.Started, job.Ended);
}
