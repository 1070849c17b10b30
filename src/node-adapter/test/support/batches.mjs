import { LlmAdapter } from 'batchbus';

/** Requests whose answers can be told apart: the simulated model repeats what it was asked. */
export function requests(count) {
  return Array.from({ length: count }, (_, i) => ({
    custom_id: `row-${i}`,
    params: { max_tokens: 100, messages: [{ role: 'user', content: `Question ${i}.` }] },
  }));
}

/** An adapter that reaches the server by another address. */
export function adapterAt(baseUrl, options = {}) {
  return new LlmAdapter({ baseUrl, ...options });
}

/** The ids of all batches that the server knows. */
export async function listIds() {
  const response = await fetch(`${process.env.BATCHBUS_URL}/v1/messages/batches?limit=1000`, { headers: { 'x-api-key': process.env.BATCHBUS_API_KEY } });
  return (await response.json()).data.map((batch) => batch.id);
}
