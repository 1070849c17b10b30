import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { BatchNotEndedError, batchResults, cancelBatch, createBatch, getBatchResults, waitForBatch } from 'batchbus';
import { adapterAt, requests } from './support/batches.mjs';
import { startProxy } from './support/proxy.mjs';

const count = 2000;
let id;

before(async () => {
  ({ id } = await createBatch('subject', requests(count)));
  await waitForBatch(id);
});

async function read(adapter) {
  const ids = [];
  for await (const { custom_id, result } of adapter.batchResults(id)) {
    assert.ok(result.message.content[0].text.includes(`Question ${custom_id.slice('row-'.length)}.`), 'the answer belongs to the request');
    ids.push(custom_id);
  }

  return ids;
}

// First of all, while the server does not know their length and sends them in chunks.
test('A download that breaks off right after the last byte is complete', async (t) => {
  const proxy = await startProxy(t, (request, n) => n === 0 ? { cutAfter: Infinity } : undefined);
  const ids = await read(adapterAt(proxy.url));
  assert.equal(ids.length, count);
  assert.equal(new Set(ids).size, count);
  assert.match(proxy.requests[1].headers['range'], /^bytes=\d+-$/);
});

test('A download that breaks off twice goes on where it was and gives each result once', async (t) => {
  const cuts = [100_000, 333_333];
  const proxy = await startProxy(t, (request, n) => n < cuts.length ? { cutAfter: cuts[n] } : undefined);
  const ids = await read(adapterAt(proxy.url));
  assert.equal(ids.length, count);
  assert.equal(new Set(ids).size, count);
  assert.deepEqual(proxy.requests.map((request) => request.headers['range']), [undefined, 'bytes=100000-', 'bytes=433333-']);
  assert.ok(proxy.requests[1].headers['if-range']);
});

test('A server on the way that knows no ranges costs time and no result', async (t) => {
  const proxy = await startProxy(t, (request, n) => {
    delete request.headers['range'];
    return n === 0 ? { cutAfter: 100_000 } : undefined;
  });
  const ids = await read(adapterAt(proxy.url));
  assert.equal(ids.length, count);
  assert.equal(new Set(ids).size, count);
});

test('Iterating holds no more than what has just arrived', async () => {
  let arrived = 0;
  let whole = 0;
  const counting = async (...args) => {
    const response = await fetch(...args);
    const body = response.body.pipeThrough(new TransformStream({
      transform(chunk, controller) {
        whole = Math.max(whole, chunk.length);
        arrived += chunk.length;
        controller.enqueue(chunk);
      },
    }, undefined, { highWaterMark: 0 }));
    return new Response(body, response);
  };

  let given = 0;
  let held = 0;
  for await (const result of adapterAt(undefined, { fetch: counting }).batchResults(id)) {
    held = Math.max(held, arrived - given);
    given += JSON.stringify(result).length + 1;
    await new Promise((resolve) => setImmediate(resolve));
  }

  assert.ok(arrived > 1_000_000, `${arrived} bytes are enough to tell`);
  assert.ok(held <= 3 * whole + 10_000, `${held} bytes of ${arrived} were held, in chunks of at most ${whole}`);
});

test('Iterating can stop early', async () => {
  const seen = [];
  for await (const { custom_id } of batchResults(id)) {
    seen.push(custom_id);
    if (seen.length === 3) {
      break;
    }
  }

  assert.equal(seen.length, 3);
});

test('A signal ends the iteration at once', async () => {
  const stop = new AbortController();
  let seen = 0;
  await assert.rejects(async () => {
    for await (const _ of batchResults(id, { signal: stop.signal })) {
      seen++;
      stop.abort(new Error('enough'));
    }
  }, { message: 'enough' });
  assert.equal(seen, 1);
});

test('All results come at once where that is asked for', async () => {
  const { results } = await getBatchResults(id);
  assert.deepEqual(new Set(results.map((result) => result.custom_id)), new Set(requests(count).map((request) => request.custom_id)));
});

test('Results before the end are waited for, or a typed error', async () => {
  const batch = await createBatch('polish', requests(1000));
  await assert.rejects(getBatchResults(batch.id, { wait: false }), (error) => {
    assert.ok(error instanceof BatchNotEndedError);
    assert.equal(error.status, 404);
    assert.equal(error.batch.id, batch.id);
    assert.equal(error.batch.processing_status, 'in_progress');
    assert.ok(error.requestId);
    return true;
  });
  assert.equal((await getBatchResults(batch.id)).results.length, 1000);
});

test('A canceled batch ends with what was done, and the rest canceled', async () => {
  const batch = await createBatch('polish', requests(count));
  const canceling = await cancelBatch(batch.id);
  assert.equal(canceling.processing_status, 'canceling');
  const { request_counts: counts } = await waitForBatch(batch.id);
  assert.ok(counts.canceled > 0);
  assert.equal(counts.canceled + counts.succeeded, count);
  const kinds = { canceled: 0, succeeded: 0 };
  for await (const { result } of batchResults(batch.id)) {
    kinds[result.type]++;
  }

  assert.deepEqual(kinds, { canceled: counts.canceled, succeeded: counts.succeeded });
});
