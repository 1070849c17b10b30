// The rival: one BullMQ flow, a parent with a child per request, its workers in this process. Prints one line of figures and writes the
// answers to a file. Arguments: port of Redis, address of the model, file of requests (JSON lines), concurrency, file for the answers.
import { createReadStream, createWriteStream } from 'node:fs';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { FlowProducer, Worker } from 'bullmq';

const [redisPort, modelUrl, requestsFile, concurrency, answersFile] = process.argv.slice(2);
const connection = { host: '127.0.0.1', port: Number(redisPort), db: 1, maxRetriesPerRequest: null };
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(concurrency) });
const warmUpCount = 20000;

const requests = [];
for await (const line of createInterface({ input: createReadStream(requestsFile) })) {
  requests.push(JSON.parse(line));
}

function send(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {};
    const request = http.request(modelUrl + path, { method, agent, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        response.statusCode < 300 ? resolve(Buffer.concat(chunks)) : reject(new Error(`${path}: ${response.statusCode}`)));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

const children = new Worker(
  'requests',
  async ({ data }) => {
    const reply = JSON.parse(await send('POST', '/v1/chat/completions', JSON.stringify(data.params)));
    return { custom_id: data.custom_id, text: reply.choices[0].message.content, usage: reply.usage };
  },
  { connection, concurrency: Number(concurrency) });
const parents = new Worker('batches', async () => 'ended', { connection });
const producer = new FlowProducer({ connection });
await Promise.all([children.waitUntilReady(), parents.waitUntilReady()]);

async function execute(batch) {
  const started = performance.now();
  const ended = once(parents, 'completed');
  const flow = await producer.add({
    name: 'batch',
    queueName: 'batches',
    data: {},
    children: batch.map((data) => ({ name: 'request', queueName: 'requests', data })),
  });
  const accepted = performance.now();
  await ended;
  const end = performance.now();
  const values = await flow.job.getChildrenValues();
  return { answers: Object.values(values), acceptedMs: accepted - started, endedMs: end - started, readMs: performance.now() - started };
}

await execute(requests.slice(0, warmUpCount).map((request) => ({ ...request, custom_id: 'warm-up' })));
await send('DELETE', '/simulator/log');
const cpu = process.cpuUsage();
const { answers, ...times } = await execute(requests);
const used = process.cpuUsage(cpu);
console.log(JSON.stringify({ ...times, cpuMs: (used.user + used.system) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024 }));

const output = createWriteStream(answersFile);
for (const answer of answers) {
  output.write(JSON.stringify({ custom_id: answer.custom_id, text: answer.text }) + '\n');
}
output.end();
await once(output, 'finish');
await Promise.all([children.close(), parents.close(), producer.close()]);
process.exit(0);
