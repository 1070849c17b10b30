// Submits a batch over RabbitMQ as plain JSON and waits for its end. Needs only `npm install amqplib`:
//   RABBITMQ_URL=amqp://crm:secret@localhost node submit-over-amqp.mjs
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import amqp from 'amqplib';

const url = new URL(process.env.RABBITMQ_URL ?? 'amqp://guest:guest@localhost');
const connection = await amqp.connect(url.href);
const channel = await connection.createChannel();

// One exchange for answers and one queue per service. Bound to BatchEnded before anything is submitted, so that no end is missed.
const replies = 'sample-service';
await channel.assertExchange(replies, 'fanout', { durable: true });
await channel.assertQueue(replies, { durable: true });
await channel.bindQueue(replies, replies, '');
await channel.assertExchange('BatchBus.Contracts:BatchEnded', 'fanout', { durable: true });
await channel.bindQueue(replies, 'BatchBus.Contracts:BatchEnded', '');

// Events come at least once and of every batch: what is waited for is found by its id.
const arrivals = new EventEmitter();
const ended = new Map();
await channel.consume(replies, (delivery) => {
  const { messageType, message } = JSON.parse(delivery.content);
  const type = messageType[0].split(':').at(-1);
  if (type === 'BatchEnded') {
    ended.set(message.batchId, message);
    arrivals.emit('ended');
  } else {
    arrivals.emit(message.submissionId, type, message);
  }
  channel.ack(delivery);
});

const submissionId = randomUUID();
const answer = await submit({
  submissionId,
  stage: 'email',
  requests: ['Ada', 'Grace'].map((name) => ({
    custom_id: name,
    params: { max_tokens: 100, messages: [{ role: 'user', content: `Write a greeting for ${name}.` }] },
  })),
});
console.log(`accepted ${answer.batchId}`);
while (!ended.has(answer.batchId)) await once(arrivals, 'ended');
console.log(`ended ${JSON.stringify(ended.get(answer.batchId))}`);
await connection.close();

/** Sends the same message until it is answered: however often it arrives, it makes one batch. */
async function submit(message) {
  const envelope = Buffer.from(JSON.stringify({
    requestId: randomUUID(),
    responseAddress: `exchange:${replies}`,
    messageType: ['urn:message:BatchBus.Contracts:SubmitBatch'],
    message,
  }));
  const answered = once(arrivals, message.submissionId);
  const send = () => channel.publish('submit-batch', '', envelope, {
    contentType: 'application/vnd.masstransit+json',
    persistent: true,
    userId: decodeURIComponent(url.username),
  });
  send();
  const again = setInterval(send, 30_000);
  const [type, body] = await answered;
  clearInterval(again);
  if (type === 'BatchRejected') throw new Error(`${body.errorType}: ${body.message}`);
  return body;
}
