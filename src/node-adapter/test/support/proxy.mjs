import { createServer, request as forward } from 'node:http';
import { once } from 'node:events';

/**
 * Stands between adapter and server. For each request `plan` says what happens to its answer: nothing (undefined), it is replaced
 * (`{ status, headers, body }`), or the connection is cut after so many bytes of it (`{ cutAfter }`; 0 sends nothing at all,
 * Infinity everything but the end). What was asked is in `requests`.
 */
export async function startProxy(t, plan) {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(request);
    const fate = plan(request, requests.length - 1) ?? {};
    if (fate.status) {
      request.resume();
      response.writeHead(fate.status, fate.headers).end(fate.body);
      return;
    }

    const upstream = forward(new URL(request.url, process.env.BATCHBUS_URL), { method: request.method, headers: request.headers }, async (answer) => {
      if (fate.cutAfter !== 0) {
        response.writeHead(answer.statusCode, answer.headers);
      }

      let left = fate.cutAfter;
      for await (const chunk of answer) {
        if (left === undefined) {
          response.write(chunk);
        } else if (left > 0) {
          const sent = chunk.subarray(0, left);
          left -= sent.length;
          await new Promise((resolve) => response.write(sent, resolve));
        }

        if (left === 0 && fate.cutAfter > 0) {
          break;
        }
      }

      fate.cutAfter === undefined ? response.end() : request.socket.destroy();
    });
    upstream.on('error', () => request.socket.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, requests };
}
