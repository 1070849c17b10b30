// Runs the unmodified official client, current or older, against a server: create, poll, results, list, cancel, delete, errors.
// Fails by throwing.
import assert from 'node:assert/strict';

const { default: Anthropic } = await import(process.argv[2]);
const client = new Anthropic({ apiKey: 'any-key', baseURL: process.env.BASE_URL, maxRetries: 0 });

const prompts = { first: 'Name a colour', second: 'Name a river', third: 'Name a bird' };
const batch = await client.messages.batches.create({
  requests: Object.entries(prompts).map(([custom_id, content]) => ({
    custom_id,
    params: { model: 'claude-haiku-4-5', max_tokens: 100, messages: [{ role: 'user', content }] },
  })),
});
assert.match(batch.id, /^msgbatch_[A-Za-z0-9]{24}$/);
assert.equal(batch.processing_status, 'in_progress');
assert.deepEqual(batch.request_counts, { processing: 3, succeeded: 0, errored: 0, canceled: 0, expired: 0 });
assert.equal(batch.results_url, null);

let current = batch;
for (let attempt = 0; current.processing_status !== 'ended'; attempt++) {
  assert.ok(attempt < 300, 'the batch did not end');
  await new Promise((resolve) => setTimeout(resolve, 50));
  current = await client.messages.batches.retrieve(batch.id);
}
assert.deepEqual(current.request_counts, { processing: 0, succeeded: 3, errored: 0, canceled: 0, expired: 0 });

const seen = new Set();
for await (const line of await client.messages.batches.results(batch.id)) {
  assert.equal(line.result.type, 'succeeded');
  assert.ok(line.result.message.content[0].text.includes(prompts[line.custom_id]), 'the answer belongs to the request');
  assert.ok(line.result.message.usage.output_tokens > 0);
  seen.add(line.custom_id);
}
assert.deepEqual(seen, new Set(Object.keys(prompts)));

// A second batch, which cannot be deleted while it runs; canceled, it ends and its counts sum.
const request = (custom_id) => ({ custom_id, params: { model: 'claude-sonnet-4-5', max_tokens: 100, messages: [{ role: 'user', content: custom_id }] } });
const second = await client.messages.batches.create({ requests: Array.from({ length: 3000 }, (_, i) => request(`row-${i}`)) });
await assert.rejects(() => client.messages.batches.delete(second.id), Anthropic.BadRequestError);
const canceling = await client.messages.batches.cancel(second.id);
assert.equal(canceling.processing_status, 'canceling');
assert.notEqual(canceling.cancel_initiated_at, null);
for (let attempt = 0; (await client.messages.batches.retrieve(second.id)).processing_status !== 'ended'; attempt++) {
  assert.ok(attempt < 600, 'the canceled batch did not end');
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const { request_counts: counts } = await client.messages.batches.retrieve(second.id);
assert.equal(counts.succeeded + counts.canceled, 3000);
assert.ok(counts.canceled > 0);

// Listing pages by itself, newest first.
const listed = [];
for await (const item of client.messages.batches.list({ limit: 1 })) listed.push(item.id);
assert.deepEqual(listed, [second.id, batch.id]);
const newer = await client.messages.batches.list({ before_id: batch.id });
assert.deepEqual(newer.data.map((item) => item.id), [second.id]);

const deleted = await client.messages.batches.delete(second.id);
assert.deepEqual({ id: deleted.id, type: deleted.type }, { id: second.id, type: 'message_batch_deleted' });
await assert.rejects(() => client.messages.batches.retrieve(second.id), Anthropic.NotFoundError);
await assert.rejects(() => client.messages.batches.create({ requests: [] }), Anthropic.BadRequestError);

// The beta resource of the older client sends its query and header; they change nothing.
const beta = await client.beta.messages.batches.retrieve(batch.id);
assert.equal(beta.id, batch.id);
console.log(`${seen.size} results, all in place`);
