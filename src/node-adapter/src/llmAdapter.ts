import { setTimeout as delay } from 'node:timers/promises';
import { BatchBusError, BatchNotEndedError, BatchNotFoundError } from './errors.js';
import type {
  AdapterOptions, Batch, BatchProgress, BatchRequest, BatchResult, CallOptions, CreateOptions, ErrorBody, ResultsOptions, Stage, WaitOptions,
} from './types.js';

const batchesPath = '/v1/messages/batches';

/** A server that asks for more seconds than this is not tried again: the caller can do better with the time. */
const longestRetryAfter = 60;

/** Milliseconds without news after which live counts are asked for anew: the connection may be dead without a sign. */
const quiet = 15_000;

const newline = 0x0a;

interface Call {
  method: 'GET' | 'POST';
  path: string;
  headers?: Record<string, string>;
  body?: string;
  signal: AbortSignal | undefined;
}

/** A client of one BatchBus server. */
export class LlmAdapter {
  readonly #baseUrl: string;
  readonly #apiKey: string | undefined;
  readonly #fetch: typeof globalThis.fetch;
  readonly #maxRetries: number;
  readonly #timeout: number;

  constructor(options: AdapterOptions = {}) {
    this.#baseUrl = new URL(options.baseUrl ?? (process.env['BATCHBUS_URL'] || 'http://127.0.0.1:8080')).href.replace(/\/+$/, '');
    this.#apiKey = options.apiKey ?? (process.env['BATCHBUS_API_KEY'] || undefined);
    this.#fetch = options.fetch ?? globalThis.fetch;
    this.#maxRetries = options.maxRetries ?? 5;
    this.#timeout = options.timeout ?? 600_000;
  }

  /**
   * Creates one batch, however often the request has to be sent.
   * @param stage The stage of all requests that name none of their own; null for none.
   */
  async createBatch(stage: Stage | null, requests: readonly BatchRequest[], options: CreateOptions = {}): Promise<Batch> {
    const { signal, idempotencyKey = crypto.randomUUID(), expiresInSeconds } = options;
    return await this.#call({
      method: 'POST',
      path: batchesPath,
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify({ stage: stage ?? undefined, expires_in_seconds: expiresInSeconds, requests }),
      signal,
    }, json<Batch>);
  }

  async getBatchStatus(id: string, { signal }: CallOptions = {}): Promise<Batch> {
    return await this.#call({ method: 'GET', path: pathOf(id), signal }, json<Batch>);
  }

  /** All results at once, in no particular order; `batchResults` gives them one by one. Waits until the batch has ended. */
  async getBatchResults(id: string, options: ResultsOptions = {}): Promise<{ results: BatchResult[] }> {
    const results = [];
    for await (const result of this.batchResults(id, options)) {
      results.push(result);
    }

    return { results };
  }

  /**
   * The results one by one as they arrive, in no particular order. Waits until the batch has ended; a download that is interrupted then
   * goes on where it was.
   */
  async *batchResults(id: string, { signal, wait = true }: ResultsOptions = {}): AsyncGenerator<BatchResult, void, undefined> {
    for await (const line of lines(this.#resultBytes(id, wait, signal))) {
      signal?.throwIfAborted();
      yield JSON.parse(line);
    }
  }

  /** Asks for the end of a batch. What its models have begun may still succeed; the answer is the batch as it is now. */
  async cancelBatch(id: string, { signal }: CallOptions = {}): Promise<Batch> {
    return await this.#call({ method: 'POST', path: `${pathOf(id)}/cancel`, signal }, json<Batch>);
  }

  /** Waits until a batch has ended, through outages of the server too. Only the signal bounds the time. */
  async waitForBatch(id: string, { onProgress, pollInterval = 1000, signal }: WaitOptions = {}): Promise<Batch> {
    // Once an answer has shown that address, key and id are right, a failure that may pass is one that will.
    await this.getBatchStatus(id, { signal });
    for (let told = ''; ;) {
      if (onProgress) {
        for await (const progress of this.#progress(id, told, signal)) {
          told = progress.eventId;
          await onProgress(JSON.parse(progress.data) as BatchProgress);
        }
      }

      let wait = pollInterval;
      try {
        const batch = await this.getBatchStatus(id, { signal });
        if (batch.processing_status === 'ended') {
          return batch;
        }
      } catch (error) {
        if (!(error instanceof BatchBusError && mayPass(error))) {
          throw error;
        }

        wait = Math.max(wait, (error.retryAfter ?? 0) * 1000);
      }

      await pause(wait, signal);
    }
  }

  /** The bytes of the results, each once, over as many connections as it takes. */
  async *#resultBytes(id: string, wait: boolean, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    let received = 0;
    let last = newline;
    let tag: string | null = null;
    for (let failures = 0; ; failures++) {
      const response: Response | null = await this.#openResults(id, received, tag, wait, signal);
      if (response === null) {
        return;
      }

      const itsTag = response.headers.get('etag');
      if (received > 0 && itsTag !== tag) {
        throw new BatchBusError(`The results of ${id} changed while they were being read.`, { type: 'api_error', status: response.status });
      }

      tag = itsTag;
      let skip = response.status === 206 ? 0 : received;
      let cause: unknown;
      const reader = response.body!.getReader();
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) {
            break;
          }

          const fresh = value.subarray(Math.min(skip, value.length));
          skip -= value.length - fresh.length;
          if (fresh.length > 0) {
            received += fresh.length;
            last = fresh[fresh.length - 1]!;
            failures = 0;
            yield fresh;
          }
        }

        if (skip === 0 && last === newline) {
          return;
        }
      } catch (error) {
        signal?.throwIfAborted();
        cause = error;
      } finally {
        await reader.cancel().catch(() => {});
      }

      if (failures >= this.#maxRetries) {
        throw new BatchBusError(`The download of the results of ${id} broke off.`, { type: 'connection_error', cause });
      }

      await pause(backoff(failures), signal);
    }
  }

  /** Opens the results at a position; null where they end there. */
  async #openResults(id: string, from: number, tag: string | null, wait: boolean, signal: AbortSignal | undefined): Promise<Response | null> {
    // Positions count the bytes of the results themselves, not of a compressed form.
    const headers: Record<string, string> = { accept: 'application/x-jsonl', 'accept-encoding': 'identity' };
    if (from > 0 && tag !== null) {
      headers['range'] = `bytes=${from}-`;
      headers['if-range'] = tag;
    }

    try {
      return await this.#call({ method: 'GET', path: `${pathOf(id)}/results`, headers, signal }, async (response) => response);
    } catch (error) {
      // A connection may break between the last byte and the word that it was the last.
      if (from > 0 && error instanceof BatchBusError && error.status === 416) {
        return null;
      }

      if (error instanceof BatchNotFoundError) {
        const batch = wait ? await this.waitForBatch(id, { signal }) : await this.getBatchStatus(id, { signal });
        if (batch.processing_status !== 'ended') {
          throw new BatchNotEndedError(batch, error);
        }

        if (wait && batch.archived_at === null) {
          return await this.#openResults(id, from, tag, false, signal);
        }
      }

      throw error;
    }
  }

  /** Live counts after an event, as the JSON that arrives, until the batch has ended or the connection is of no more use. */
  async *#progress(id: string, after: string, signal: AbortSignal | undefined): AsyncGenerator<{ eventId: string; data: string }, void, undefined> {
    let response: Response;
    try {
      const headers = { accept: 'text/event-stream', ...(after !== '' && { 'last-event-id': after }) };
      response = await this.#attempt({ method: 'GET', path: `${pathOf(id)}/events`, headers, signal }, async (open) => open);
    } catch (error) {
      if (error instanceof BatchBusError) {
        return;
      }

      throw error;
    }

    // Without a body, there is nothing to come any more.
    if (response.body === null) {
      return;
    }

    let event = '';
    let eventId = '';
    for await (const line of lines(untilQuiet(response.body, signal))) {
      if (line.startsWith('id: ')) {
        eventId = line.slice('id: '.length);
      } else if (line.startsWith('event: ')) {
        event = line.slice('event: '.length);
      } else if (line.startsWith('data: ') && (event === 'progress' || event === 'ended')) {
        yield { eventId, data: line.slice('data: '.length) };
      }
    }
  }

  /** Repeats an attempt while its failure may pass. */
  async #call<T>(call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      try {
        return await this.#attempt(call, read);
      } catch (error) {
        const again = error instanceof BatchBusError && mayPass(error) && failures < this.#maxRetries && (error.retryAfter ?? 0) <= longestRetryAfter;
        if (!again) {
          throw error;
        }

        await pause(error.retryAfter ? error.retryAfter * 1000 : backoff(failures), call.signal);
      }
    }
  }

  async #attempt<T>({ method, path, headers, body, signal }: Call, read: (response: Response) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), this.#timeout);
    try {
      const response = await this.#fetch(this.#baseUrl + path, {
        method,
        headers: { accept: 'application/json', 'anthropic-version': '2023-06-01', ...(this.#apiKey !== undefined && { 'x-api-key': this.#apiKey }), ...headers },
        body: body ?? null,
        signal: signal ? AbortSignal.any([signal, patience.signal]) : patience.signal,
      });
      if (!response.ok) {
        throw await errorOf(response, path);
      }

      return await read(response);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof BatchBusError) {
        throw error;
      }

      throw patience.signal.aborted
        ? new BatchBusError(`${method} ${path} was not answered within ${this.#timeout} ms by ${this.#baseUrl}.`, { type: 'timeout_error', cause: error })
        : new BatchBusError(`${method} ${path} got no whole answer from ${this.#baseUrl}: ${reasonOf(error)}`, { type: 'connection_error', cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}

async function json<T>(response: Response): Promise<T> {
  return await response.json() as T;
}

async function errorOf(response: Response, path: string): Promise<BatchBusError> {
  const text = await response.text();
  let body: Partial<ErrorBody> | null = null;
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy on the way has answered in its own words.
  }

  const kind = response.status === 404 && path !== batchesPath ? BatchNotFoundError : BatchBusError;
  return new kind(body?.error?.message ?? `The server answered with status ${response.status}.`, {
    status: response.status,
    type: body?.error?.type ?? 'api_error',
    requestId: response.headers.get('request-id') ?? body?.request_id ?? undefined,
    retryAfter: secondsOf(response.headers.get('retry-after')),
  });
}

/** A `retry-after` header: seconds, or a date. */
function secondsOf(header: string | null): number | undefined {
  if (header === null) {
    return undefined;
  }

  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

function reasonOf(error: unknown): string {
  const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return reason instanceof Error ? reason.message || (reason as NodeJS.ErrnoException).code || reason.name : String(reason);
}

function mayPass({ status }: BatchBusError): boolean {
  return status === undefined || status === 408 || status === 409 || status === 429 || status >= 500;
}

/** From half a second, doubling to eight, less up to a half by chance, so that clients that failed together do not come back together. */
function backoff(failures: number): number {
  return Math.min(500 * 2 ** failures, 8000) * (1 - Math.random() / 2);
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => {});
  signal?.throwIfAborted();
}

function pathOf(id: string): string {
  if (!/^[\w-]+$/.test(id)) {
    throw new TypeError(`The id of a batch looks like msgbatch_…, not like ${JSON.stringify(id)}.`);
  }

  return `${batchesPath}/${id}`;
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let line = '';
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true });
    for (let end; (end = text.indexOf('\n')) >= 0; text = text.slice(end + 1)) {
      yield line + text.slice(0, end);
      line = '';
    }

    line += text;
  }
}

/** What arrives of a stream until it ends, breaks or falls silent. */
async function* untilQuiet(stream: ReadableStream<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader();
  const cancel = () => reader.cancel().catch(() => {});
  try {
    for (;;) {
      const timer = setTimeout(cancel, quiet);
      const step = await reader.read().catch(() => undefined).finally(() => clearTimeout(timer));
      signal?.throwIfAborted();
      if (step === undefined || step.done) {
        return;
      }

      yield step.value;
    }
  } finally {
    await cancel();
  }
}

let adapter: LlmAdapter | undefined;

/** The adapter that the environment describes; made at the first call, so that settings loaded until then count. */
function standard(): LlmAdapter {
  return adapter ??= new LlmAdapter();
}

/** {@link LlmAdapter.createBatch} of the adapter that the environment describes. */
export const createBatch: LlmAdapter['createBatch'] = async (...args) => await standard().createBatch(...args);

/** {@link LlmAdapter.getBatchStatus} of the adapter that the environment describes. */
export const getBatchStatus: LlmAdapter['getBatchStatus'] = async (...args) => await standard().getBatchStatus(...args);

/** {@link LlmAdapter.getBatchResults} of the adapter that the environment describes. */
export const getBatchResults: LlmAdapter['getBatchResults'] = async (...args) => await standard().getBatchResults(...args);

/** {@link LlmAdapter.batchResults} of the adapter that the environment describes. */
export const batchResults: LlmAdapter['batchResults'] = (...args) => standard().batchResults(...args);

/** {@link LlmAdapter.cancelBatch} of the adapter that the environment describes. */
export const cancelBatch: LlmAdapter['cancelBatch'] = async (...args) => await standard().cancelBatch(...args);

/** {@link LlmAdapter.waitForBatch} of the adapter that the environment describes. */
export const waitForBatch: LlmAdapter['waitForBatch'] = async (...args) => await standard().waitForBatch(...args);
