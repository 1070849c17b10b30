// A receiver of webhooks: refuses the first attempt of every event, and takes the second if the reference library finds it signed with
// each of the secrets given. Prints its port, then a line per attempt.
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const secrets = process.argv.slice(2);
const seen = new Set();
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString('utf8');
  const id = request.headers['webhook-id'];
  if (!seen.has(id)) {
    seen.add(id);
    console.log(`refused ${id}`);
    response.writeHead(503).end();
    return;
  }
  try {
    for (const secret of secrets) new Webhook(secret).verify(body, request.headers);
    const stranger = new Webhook('whsec_' + Buffer.from('a secret that nobody has given').toString('base64'));
    let deceived = false;
    try { stranger.verify(body, request.headers); deceived = true; } catch { /* as it should be */ }
    console.log(deceived ? `unsigned ${id}` : `verified ${id} ${body}`);
    response.writeHead(204).end();
  } catch (error) {
    console.log(`unverified ${id} ${error.message}`);
    response.writeHead(400).end();
  }
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
