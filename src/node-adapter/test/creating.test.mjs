import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchBusError, createBatch, getBatchResults, waitForBatch } from 'batchbus';
import { adapterAt, listIds, requests } from './support/batches.mjs';
import { startProxy } from './support/proxy.mjs';

for (const [cut, cutAfter] of [['before its first byte', 0], ['in the middle', 40]]) {
  test(`A create whose answer is cut ${cut} makes one batch`, async (t) => {
    const before = await listIds();
    const proxy = await startProxy(t, (request, n) => n === 0 ? { cutAfter } : undefined);

    const batch = await adapterAt(proxy.url).createBatch('email', requests(3));

    const keys = proxy.requests.map((request) => request.headers['idempotency-key']);
    assert.equal(keys.length, 2);
    assert.ok(keys[0]);
    assert.equal(keys[0], keys[1]);
    assert.deepEqual((await listIds()).filter((id) => !before.includes(id)), [batch.id]);
  });
}

test('Two creates of the same requests are two batches, and one with the same key is none', async () => {
  const first = await createBatch('email', requests(1));
  const second = await createBatch('email', requests(1), { idempotencyKey: `mine-${first.id}` });
  const again = await createBatch('email', requests(1), { idempotencyKey: `mine-${first.id}` });
  assert.notEqual(second.id, first.id);
  assert.equal(again.id, second.id);
});

for (const status of [408, 409, 429, 500, 503, 529]) {
  test(`A create that is answered with ${status} is sent again`, async (t) => {
    const proxy = await startProxy(t, (request, n) => n === 0 ? { status, body: 'not JSON' } : undefined);
    await adapterAt(proxy.url).createBatch('email', requests(1));
    assert.equal(proxy.requests.length, 2);
  });
}

test('A server that asks for time gets it', async (t) => {
  const proxy = await startProxy(t, (request, n) => n === 0 ? { status: 429, headers: { 'retry-after': '1' } } : undefined);
  const began = performance.now();
  await adapterAt(proxy.url).createBatch('email', requests(1));
  // Without the header, the first repetition comes within half a second.
  assert.ok(performance.now() - began >= 990);
});

test('A server that asks for more than a minute is left to the caller', async (t) => {
  const proxy = await startProxy(t, () => ({ status: 429, headers: { 'retry-after': '3600' } }));
  await assert.rejects(adapterAt(proxy.url).createBatch('email', requests(1)), (error) => error instanceof BatchBusError && error.retryAfter === 3600);
  assert.equal(proxy.requests.length, 1);
});

test('A refused create is not sent again', async (t) => {
  const proxy = await startProxy(t, () => undefined);
  await assert.rejects(adapterAt(proxy.url).createBatch('no_such_stage', requests(1)), (error) => {
    assert.ok(error instanceof BatchBusError);
    assert.equal(error.status, 400);
    assert.equal(error.type, 'invalid_request_error');
    assert.match(error.message, /sales_intel/, 'it lists the stages that there are');
    return true;
  });
  assert.equal(proxy.requests.length, 1);
});

test("Requests in Anthropic's shape run on the model that their own name stands for", async () => {
  const { id } = await createBatch(null, [{
    custom_id: 'as-it-was',
    params: { model: 'claude-sonnet-4-5', max_tokens: 100, system: [{ type: 'text', text: 'Be brief.' }], messages: [{ role: 'user', content: 'Hello' }] },
  }]);
  const { results } = await getBatchResults(id);
  assert.equal(results[0].result.message.model, 'llama-70b');
});

test('A batch expires when it is told to', async () => {
  const batch = await createBatch('sales_intel', requests(1), { expiresInSeconds: 3600 });
  assert.equal(Date.parse(batch.expires_at) - Date.parse(batch.created_at), 3600_000);
  assert.equal((await waitForBatch(batch.id)).request_counts.succeeded, 1);
});
