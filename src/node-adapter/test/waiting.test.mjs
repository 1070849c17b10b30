import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cancelBatch, createBatch, getBatchStatus, waitForBatch } from 'batchbus';
import { adapterAt, requests } from './support/batches.mjs';
import { startProxy } from './support/proxy.mjs';

test('Waiting tells how far the batch is, and its end last', async () => {
  const { id } = await createBatch('polish', requests(1500));
  const told = [];
  const batch = await waitForBatch(id, { onProgress: (progress) => { told.push(progress); } });
  assert.equal(batch.processing_status, 'ended');
  assert.equal(batch.request_counts.succeeded, 1500);
  const counts = told.map((progress) => progress.succeeded);
  assert.deepEqual(counts, [...counts].sort((a, b) => a - b), 'never backwards');
  assert.equal(new Set(told.map((progress) => JSON.stringify(progress))).size, told.length, 'only what has changed');
  assert.ok(counts.some((succeeded) => succeeded > 0 && succeeded < 1500), `live counts: ${counts}`);
  const last = told.at(-1);
  assert.deepEqual([last.id, last.total, last.succeeded, last.errored], [id, 1500, 1500, 0]);
  assert.equal(last.models[0].model, 'llama-70b');
});

test('A batch that has ended is waited for no longer', async () => {
  const { id } = await createBatch('email', requests(1));
  await waitForBatch(id);
  const told = [];
  await waitForBatch(id, { onProgress: (progress) => { told.push(progress.succeeded); }, signal: AbortSignal.timeout(5000) });
  assert.deepEqual(told, [1]);
});

test('A signal ends the waiting at once and leaves the batch alone', async () => {
  const { id } = await createBatch('polish', requests(5000));
  for (const onProgress of [undefined, () => {}]) {
    const stop = new AbortController();
    const waiting = waitForBatch(id, { onProgress, signal: stop.signal, pollInterval: 60_000 });
    setTimeout(() => stop.abort(new Error('enough')), 50);
    const began = performance.now();
    await assert.rejects(waiting, { message: 'enough' });
    assert.ok(performance.now() - began < 10_000);
  }

  const { processing_status, cancel_initiated_at } = await getBatchStatus(id);
  assert.deepEqual([processing_status, cancel_initiated_at], ['in_progress', null]);
  await cancelBatch(id);
});

test('What onProgress throws ends the waiting', async () => {
  const { id } = await createBatch('email', requests(1));
  await assert.rejects(waitForBatch(id, { onProgress: () => { throw new Error('no more'); } }), { message: 'no more' });
});

test('Waiting outlasts failures of server and connection, and tells nothing twice', async (t) => {
  const { id } = await createBatch('email', requests(1));
  await waitForBatch(id);
  const told = [];
  for (const onProgress of [undefined, (progress) => { told.push(progress.succeeded); }]) {
    let asked = 0;
    const proxy = await startProxy(t, (request) => {
      if (request.url.endsWith('/events')) {
        return { cutAfter: asked < 3 ? 10 : Infinity };
      }

      asked++;
      return asked > 1 && asked < 5 ? { status: 503 } : undefined;
    });
    const batch = await adapterAt(proxy.url, { maxRetries: 0 }).waitForBatch(id, { onProgress, pollInterval: 20 });
    assert.equal(batch.processing_status, 'ended');
    assert.equal(asked, 5);
  }

  assert.deepEqual(told, [1]);
});
