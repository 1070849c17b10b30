// Runs the unmodified official client, current or older, against a server: create, poll, results. Fails by throwing.
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
console.log(`${seen.size} results, all in place`);
