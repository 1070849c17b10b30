import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchBusError, BatchNotFoundError, cancelBatch, createBatch, getBatchResults, getBatchStatus, LlmAdapter, waitForBatch } from 'batchbus';
import { adapterAt, requests } from './support/batches.mjs';
import { startProxy } from './support/proxy.mjs';

const unknown = 'msgbatch_000000000000000000000000';

test('A wrong key is a typed error', async () => {
  await assert.rejects(new LlmAdapter({ apiKey: 'wrong' }).createBatch('email', requests(1)), (error) => {
    assert.ok(error instanceof BatchBusError);
    assert.deepEqual([error.name, error.status, error.type], ['BatchBusError', 401, 'authentication_error']);
    assert.match(error.requestId, /^req_/);
    return true;
  });
});

for (const [name, call] of Object.entries({ getBatchStatus, getBatchResults, waitForBatch, cancelBatch })) {
  test(`An unknown id is a typed error of ${name}`, async () => {
    await assert.rejects(call(unknown), (error) => {
      assert.ok(error instanceof BatchNotFoundError && error instanceof BatchBusError);
      assert.deepEqual([error.name, error.status, error.type], ['BatchNotFoundError', 404, 'not_found_error']);
      assert.ok(error.message.includes(unknown));
      return true;
    });
  });
}

test('What cannot be an id is not sent', async () => {
  await assert.rejects(getBatchStatus('../models'), TypeError);
  await assert.rejects(getBatchStatus(''), TypeError);
});

test('Canceling what has ended is refused', async () => {
  const { id } = await createBatch('email', requests(1));
  await waitForBatch(id);
  await assert.rejects(cancelBatch(id), (error) => error instanceof BatchBusError && error.status === 400);
});

test('A server that cannot be reached is a typed error after the retries', async () => {
  let attempts = 0;
  const counting = async (...args) => {
    attempts++;
    return await fetch(...args);
  };
  await assert.rejects(adapterAt('http://127.0.0.1:1', { fetch: counting, maxRetries: 1 }).getBatchStatus(unknown), (error) => {
    assert.ok(error instanceof BatchBusError);
    assert.deepEqual([error.status, error.type], [undefined, 'connection_error']);
    assert.match(error.message, /http:\/\/127\.0\.0\.1:1/);
    return true;
  });
  assert.equal(attempts, 2);
});

test('A server that does not answer in time is a typed error', async () => {
  const silent = (_, { signal }) => new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason)); });
  await assert.rejects(adapterAt(undefined, { fetch: silent, maxRetries: 0, timeout: 20 }).getBatchStatus(unknown), { type: 'timeout_error' });
});

test('A signal ends the pause before a retry', async (t) => {
  const abort = new AbortController();
  const proxy = await startProxy(t, () => {
    setTimeout(() => { abort.abort(); }, 100);
    return { status: 529, headers: { 'retry-after': '30' } };
  });
  const began = performance.now();
  await assert.rejects(adapterAt(proxy.url).createBatch('email', requests(1), { signal: abort.signal }), { name: 'AbortError' });
  assert.ok(performance.now() - began < 10_000);
  assert.equal(proxy.requests.length, 1);
});

test('A call with a signal that has fired sends nothing', async (t) => {
  const proxy = await startProxy(t, () => undefined);
  await assert.rejects(adapterAt(proxy.url).getBatchStatus(unknown, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(proxy.requests.length, 0);
});
