/** A stage of the server's configuration; it chooses the model. The names given here are the ones that a new server has. */
export type Stage = 'sales_intel' | 'subject' | 'email' | 'polish' | (string & {});

/** One request of a batch. Requests in Anthropic's shape fit as they are. */
export interface BatchRequest {
  /** Names the request within its batch: 1 to 64 letters, digits, `_` and `-`. */
  custom_id: string;
  /** The body of a `POST /v1/messages`. */
  params: MessageParams;
  metadata?: RequestMetadata | undefined;
}

/** What the server reads of a request's metadata. */
export interface RequestMetadata {
  /** The model to run on, by the server's name for it. Goes before any stage. */
  model_hint?: string | undefined;
  /** A stage for this request alone. Goes before the stage of the batch. */
  stage?: Stage | undefined;
}

/** The body of a `POST /v1/messages`. */
export interface MessageParams {
  max_tokens: number;
  messages: readonly { role: string; content: string | readonly object[] }[];
  /** Has no say where a stage or a hint is given. */
  model?: string | undefined;
  system?: string | readonly object[] | undefined;
  // `any`, because interfaces of other libraries, such as the params of Anthropic's SDK, are not assignable to `unknown` here.
  [field: string]: any;
}

/** A batch as the server describes it. */
export interface Batch {
  id: string;
  type: 'message_batch';
  processing_status: 'in_progress' | 'canceling' | 'ended';
  /** Adds up to the number of requests. Everything stays in `processing` until the batch has ended; see `waitForBatch` for live counts. */
  request_counts: RequestCounts;
  created_at: string;
  /** When the batch ends at the latest; what is not done by then is `expired`. */
  expires_at: string;
  ended_at: string | null;
  cancel_initiated_at: string | null;
  /** When the results were removed. */
  archived_at: string | null;
  results_url: string | null;
}

export interface RequestCounts {
  processing: number;
  succeeded: number;
  errored: number;
  canceled: number;
  expired: number;
}

/** How far a batch is at this moment. */
export interface BatchProgress {
  id: string;
  total: number;
  succeeded: number;
  errored: number;
  /** Succeeded and errored per second over the last ten seconds; null while it is not known. */
  requests_per_second: number | null;
  /** Seconds until every request has a result, at that rate; null while it is not known. */
  seconds_to_go: number | null;
  models: ModelProgress[];
}

/** One model's part in a batch. */
export interface ModelProgress {
  model: string;
  requests: number;
  succeeded: number;
  errored: number;
  /** Prompt tokens without the cached ones. */
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  /** Seconds that GPUs were busy with the requests; of a second that requests shared, each has its part. */
  gpu_seconds: number;
  /** Whether the simulator answered in place of a model. */
  simulated: boolean;
  /** What the GPU seconds cost; `basis` says what they were made from. */
  cost: { dollars: number | null; basis: 'gpu_seconds' | 'tokens' | 'none'; dollars_per_gpu_second: number | null };
  dollars_per_million_output_tokens: number | null;
  /** What a managed model would have taken for the same tokens, at the price of a day. */
  managed: {
    name: string;
    price_as_of: string;
    input_dollars_per_million: number;
    output_dollars_per_million: number;
    dollars: number;
  } | null;
  cheaper: 'self_hosted' | 'managed' | null;
}

/** What became of one request. */
export interface BatchResult {
  custom_id: string;
  result:
    | { type: 'succeeded'; message: Message }
    | { type: 'errored'; error: ErrorBody }
    | { type: 'canceled' }
    | { type: 'expired' };
}

/** A model's answer. */
export interface Message {
  id: string;
  type: 'message';
  role: 'assistant';
  /** The model that answered. */
  model: string;
  content: ContentBlock[];
  stop_reason: 'end_turn' | 'max_tokens' | 'stop_sequence' | 'tool_use' | 'pause_turn' | 'refusal' | 'model_context_window_exceeded' | null;
  stop_sequence: string | null;
  usage: Usage;
}

export type ContentBlock =
  | { type: 'text'; text: string }
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'tool_use'; id: string; name: string; input: unknown };

export interface Usage {
  /** Prompt tokens without the cached ones. */
  input_tokens: number;
  output_tokens: number;
  cache_creation_input_tokens: number | null;
  cache_read_input_tokens: number | null;
}

/** An error as the server writes it, in an answer and in an `errored` result. */
export interface ErrorBody {
  type: 'error';
  error: { type: string; message: string };
  request_id?: string | null;
}

export interface AdapterOptions {
  /** Default: the environment's `BATCHBUS_URL`, or else `http://127.0.0.1:8080`. */
  baseUrl?: string | undefined;
  /** Default: the environment's `BATCHBUS_API_KEY`. A server without keys, which listens on loopback only, needs none. */
  apiKey?: string | undefined;
  /** Default: the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  /** How often a call is repeated after a failure that may pass. Default: 5. */
  maxRetries?: number | undefined;
  /** Milliseconds that one attempt may take; for results, to their first byte. Default: 600,000. */
  timeout?: number | undefined;
}

export interface CallOptions {
  /** Ends the call at once, which then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

export interface CreateOptions extends CallOptions {
  /**
   * Names the create: however often it is sent with this key, there is one batch. Default: a new key for each call. Give one of your own
   * to repeat a create safely after your process has died.
   */
  idempotencyKey?: string | undefined;
  /** Seconds after which the batch ends at the latest. Default: the server's, 24 hours. */
  expiresInSeconds?: number | undefined;
}

export interface ResultsOptions extends CallOptions {
  /** False: reject with a `BatchNotEndedError` where the batch has not ended. Default: true. */
  wait?: boolean | undefined;
}

export interface WaitOptions extends CallOptions {
  /** Receives live counts whenever they have changed. It is awaited, and what it throws ends the waiting. */
  onProgress?: ((progress: BatchProgress) => void | Promise<void>) | undefined;
  /** Milliseconds between two looks at the batch. Default: 1,000. */
  pollInterval?: number | undefined;
}
