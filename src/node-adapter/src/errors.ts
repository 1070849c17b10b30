import type { Batch } from './types.js';

export interface ErrorDetails {
  status?: number | undefined;
  type: string;
  requestId?: string | undefined;
  retryAfter?: number | undefined;
  cause?: unknown;
}

/** What failed at the server or on the way to it. An abort is none of these: it rejects with the signal's reason. */
export class BatchBusError extends Error {
  /** The HTTP status; absent where there was no answer. */
  readonly status: number | undefined;
  /** The server's word for it, such as `invalid_request_error`; `connection_error` and `timeout_error` where there was no answer. */
  readonly type: string;
  /** Finds the request in the server's log. */
  readonly requestId: string | undefined;
  /** Seconds after which the server asks to be tried again. */
  readonly retryAfter: number | undefined;

  constructor(message: string, details: ErrorDetails) {
    super(message, { cause: details.cause });
    this.name = new.target.name;
    this.status = details.status;
    this.type = details.type;
    this.requestId = details.requestId;
    this.retryAfter = details.retryAfter;
  }
}

/** There is no such batch in the workspace of the API key, or what was asked of it has been removed. */
export class BatchNotFoundError extends BatchBusError {}

/** The results were asked for, without waiting, before the batch has ended. */
export class BatchNotEndedError extends BatchBusError {
  /** The batch as it is. */
  readonly batch: Batch;

  constructor(batch: Batch, cause: BatchBusError) {
    super(`${batch.id} has not ended: it is ${batch.processing_status}. waitForBatch waits for it.`, { ...cause, cause });
    this.batch = batch;
  }
}
