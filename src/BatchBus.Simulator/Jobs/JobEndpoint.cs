using System.Buffers;
using BatchBus.Simulator.Chat;
using BatchBus.Simulator.Workers;

namespace BatchBus.Simulator.Jobs;

/// <summary>The jobs of one serverless endpoint and their way from the queue to the result.</summary>
internal sealed class JobEndpoint(ModelEngine engine, SimulatedEndpoint endpoint)
{
    private const string ChatRoute = "/v1/chat/completions";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Job> _jobs = [];

    // In the order in which they ended, which is about the order in which their results expire.
    private readonly Queue<Job> _ended = [];
    private int _inQueue;
    private int _inProgress;
    private int _completed;
    private int _failed;
    private int _retried;

    /// <summary>Takes a job in.</summary>
    /// <param name="body">The body of <c>/run</c>.</param>
    /// <param name="fault">What a scenario has in store for the job, or for the call that brought it.</param>
    /// <returns>Null where the fault refuses the call.</returns>
    public JobState? Submit(JobRequest body, out SimulatedFault? fault)
    {
        var now = endpoint.Clock.Now;
        if (Accept(body, now, out fault) is not { } job)
        {
            return null;
        }

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
        return new JobState(job, JobStatus.InQueue, now, now, 0, null);
    }

    public JobState? Find(string id)
    {
        lock (_lock)
        {
            return Find_NeedsLock(id) is { } job ? ToldStateOf_NeedsLock(job) : null;
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

    public (int Completed, int Failed, int InProgress, int InQueue, int Retried) Count()
    {
        lock (_lock)
        {
            return (_completed, _failed, _inProgress, _inQueue, _retried);
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

    private Job? Accept(JobRequest body, DateTimeOffset now, out SimulatedFault? fault)
    {
        ChatRequest? request = null;
        string? error = null;
        string[] markers = [];
        if (body.Route == ChatRoute && body.OpenAiInput is { } json)
        {
            request = engine.Read(json, endpoint.Markers, out var rejection);
            error = rejection is null ? null : SpoiledJob.ErrorOf(rejection);
            markers = request.Markers;
        }
        else
        {
            error = body.OpenAiInput is null
                ? WorkerError.Of("Job input must contain one of: openai_input (+openai_route), route (+body), messages, prompt")
                : SpoiledJob.ErrorOf(ChatRejection.NotFound("Not Found"));
        }

        // As for a chat, faults are kept for what would be completed without them.
        fault = error is null ? endpoint.ChooseFault(SimulatedOperation.Run, markers) : null;
        return fault is { IsRefusal: true } ? null : new Job
        {
            CompletionId = engine.NextCompletionId(),
            Request = error is null ? request : null,
            Error = error,
            Fault = fault,
            Ticket = engine.Begin(request, SimulatedProtocol.RunPodJobs, endpoint.Id),
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
            ExecutionEnd end;
            do
            {
                var worker = await endpoint.EnterAsync(job.Stopped);
                try
                {
                    Start(job, worker);
                    var left = job.Expires - endpoint.Clock.Now;
                    var limit = left < job.ExecutionTimeout ? left : job.ExecutionTimeout;
                    end = await endpoint.ExecuteAsync(request, job.Fault, worker, limit, job.Stopped);
                }
                finally
                {
                    endpoint.Exit(worker);
                }
            }
            while (end == ExecutionEnd.Generated && IsRepeated(job, request));
            Complete(job, end);
        }
        catch (OperationCanceledException)
        {
            // Cancel has already ended the job.
        }
    }

    private void Start(Job job, Worker worker)
    {
        lock (_lock)
        {
            if (job.Status == JobStatus.InQueue)
            {
                job.Status = JobStatus.InProgress;
                job.Started = endpoint.Clock.Now;
                job.WorkerId = worker.Id;
                _inQueue--;
                _inProgress++;
                engine.Log.Run(job.Ticket);
            }
        }
    }

    /// <summary>Puts a job back into the queue that its worker is to lose the first time.</summary>
    private bool IsRepeated(Job job, ChatRequest request)
    {
        lock (_lock)
        {
            if (!job.IsOpen || job.Fault?.Kind != SimulatedFaultKind.ExecutedTwice || job.Retries > 0)
            {
                return false;
            }

            engine.Log.End(job.Ticket, SimulatedOutcome.Failed, isFault: true);
            job.Ticket = engine.Begin(request, SimulatedProtocol.RunPodJobs, endpoint.Id);
            job.Status = JobStatus.InQueue;
            job.Retries++;
            _inProgress--;
            _inQueue++;
            _retried++;
            return true;
        }
    }

    private void Complete(Job job, ExecutionEnd end)
    {
        var (status, error) = end switch
        {
            ExecutionEnd.OutOfTime => (JobStatus.TimedOut, null),
            ExecutionEnd.DeadEngine => (JobStatus.Failed, WorkerError.Of(WorkerError.DeadEngine)),
            _ => SpoiledJob.EndOf(job.Fault),
        };
        lock (_lock)
        {
            if (job.IsOpen)
            {
                job.Error = error;
                End_NeedsLock(job, status, end == ExecutionEnd.DeadEngine || (end == ExecutionEnd.Generated && job.Fault is { SpoilsJobs: true }));
            }
        }
    }

    private void End_NeedsLock(Job job, JobStatus status, bool isFault = false)
    {
        var now = endpoint.Clock.Now;
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
            outcome = isFault ? SimulatedOutcome.Failed : SimulatedOutcome.Completed;
        }
        else if (status != JobStatus.Cancelled)
        {
            _failed++;
            outcome = SimulatedOutcome.Failed;
        }

        engine.Log.End(job.Ticket, outcome, isFault);
        job.Status = status;
        job.Ended = now;
        job.BackwardSteps = 0;
        var kept = now + (job.Fault?.Kind == SimulatedFaultKind.LostResult ? TimeSpan.Zero : endpoint.Retention);
        job.Expires = job.Expires < kept ? job.Expires : kept;
        _ended.Enqueue(job);
    }

    private Job? Find_NeedsLock(string id)
    {
        ForgetExpired_NeedsLock();
        return _jobs.TryGetValue(id, out var job) && job.Expires > endpoint.Clock.Now ? job : null;
    }

    private void ForgetExpired_NeedsLock()
    {
        var now = endpoint.Clock.Now;
        while (_ended.TryPeek(out var job) && job.Expires <= now)
        {
            _jobs.Remove(_ended.Dequeue().Id);
        }
    }

    private static JobState StateOf_NeedsLock(Job job) => new(job, job.Status, job.Started, job.Ended, job.Retries, job.WorkerId);

    /// <summary>The state as <c>/status</c> tells it, which may be an older one.</summary>
    private static JobState ToldStateOf_NeedsLock(Job job)
    {
        var state = StateOf_NeedsLock(job);
        if (job.Fault?.Kind != SimulatedFaultKind.StatusBackwards || job.Status == JobStatus.InQueue || (!job.IsOpen && job.BackwardSteps == 2))
        {
            return state;
        }

        return state with { Status = job.BackwardSteps++ % 2 == 0 ? JobStatus.InProgress : JobStatus.InQueue };
    }
}
