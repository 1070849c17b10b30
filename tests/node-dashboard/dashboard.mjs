// The dashboard in a real Chromium, against the server and the simulated model that the environment names. Run by the acceptance tests.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import puppeteer from 'puppeteer-core';

const { BATCHBUS_URL: url, SIMULATOR_URL: simulator, CHROMIUM: executablePath = '/usr/bin/chromium' } = process.env;
const keys = JSON.parse(process.env.KEYS); // By workspace; each test has one of its own.

let browser, page, complaints, downloads, origin;
before(async () => { browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] }); });
after(() => browser?.close());

beforeEach(async () => {
  const context = await browser.createBrowserContext();
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.setViewport({ width: 1280, height: 900 });
  complaints = [];
  origin = url;
  page.on('pageerror', error => complaints.push(error.message));
  page.on('console', message => {
    // That the server refuses a call or is out of reach is what some tests are about.
    if (message.type() === 'error' && !/status of 40[14]|net::ERR_/.test(message.text())) complaints.push(message.text());
  });
  page.on('request', request => { if (!request.url().startsWith(`${origin}/`) && !/^(data|blob):/.test(request.url())) complaints.push(request.url()); });
  downloads = await mkdtemp(join(tmpdir(), 'batchbus-downloads-'));
  await setLatency('20ms');
});
afterEach(async () => {
  await page.browserContext().close();
  await rm(downloads, { recursive: true });
  assert.deepEqual(complaints, [], 'the console is quiet, no policy is violated and nothing is loaded from elsewhere');
});

const setLatency = text => fetch(`${simulator}/simulator/latency`, { method: 'PUT', body: text });
const api = async (workspace, path, options = {}) => (await fetch(`${url}/v1/messages/batches${path}`, { ...options, headers: { 'x-api-key': keys[workspace] } })).json();
const submit = async (workspace, count, alter = request => request) => (await api(workspace, '', {
  method: 'POST',
  body: JSON.stringify({ requests: Array.from({ length: count }, (_, i) => alter({
    custom_id: `lead-${i}`, params: { model: i % 2 ? 'mistral-7b' : 'llama-70b', max_tokens: 20, messages: [{ role: 'user', content: `Lead ${i}` }] },
  }, i)) }),
})).id;
const ended = async (workspace, id) => {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await new Promise(resolve => setTimeout(resolve, 50))) {
    if ((await api(workspace, `/${id}`)).processing_status === 'ended') return;
  }
  assert.fail(`${id} has not ended`);
};

/** Opens the page as somebody who has given the workspace's key before. */
const open = async (workspace, hash = '') => {
  await page.evaluateOnNewDocument(key => sessionStorage.setItem('batchbus-key', key), keys[workspace]);
  await page.goto(`${origin}/${hash}`);
  await text('#link', 'live');
};
/** Waits until an element has a text. */
const text = (selector, part) => page.waitForFunction((selector, part) => [...document.querySelectorAll(selector)].some(found => found.textContent.includes(part)), {}, selector, part);
const gone = (selector, part) => page.waitForFunction((selector, part) => ![...document.querySelectorAll(selector)].some(found => found.textContent.includes(part)), {}, selector, part);
const read = selector => page.$eval(selector, found => found.textContent);
const focused = () => page.evaluate(() => document.activeElement.textContent);
const tabTo = async name => {
  for (let steps = 0; steps < 30; steps++) {
    if ((await focused()).trim() === name) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`${name} cannot be reached by Tab`);
};

test('a key is asked for, a wrong one is explained, and the right one stays in the tab only', async () => {
  await page.goto(url);
  await page.waitForSelector('#key[open]');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'key-text');
  await page.keyboard.type('bbk_wrong');
  await page.keyboard.press('Enter');
  await text('#key-error', 'Invalid API key');

  await page.keyboard.type(keys.keyed);
  await page.keyboard.press('Enter');
  await text('#link', 'live');
  assert.equal(await read('#workspace'), 'keyed');
  assert.deepEqual(await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie]), [1, 0, '']);

  await page.click('#forget');
  await page.waitForSelector('#key[open]');
});

test('an empty workspace is told how to submit its first batch, and sees it come', async () => {
  await open('empty');
  await text('h2', 'No batches yet');
  assert.match(await read('pre'), new RegExp(`curl ${url}/v1/messages/batches`));

  const id = await submit('empty', 2);

  await text('td', id);
});

test('a busy batch moves without a reload and tells its end', async () => {
  await setLatency('400ms');
  await open('busy');
  const id = await submit('busy', 1200);
  await text('td', id);
  await text('td .chip', 'in progress');
  const done = () => page.$eval('[role=progressbar]', bar => Number(bar.getAttribute('aria-valuenow')));
  await page.waitForFunction(() => Number(document.querySelector('[role=progressbar]').getAttribute('aria-valuenow')) > 0);
  const first = await done();
  await page.waitForFunction(first => Number(document.querySelector('[role=progressbar]').getAttribute('aria-valuenow')) > first, {}, first);
  await text('.tiles', 'in 1 open batch');
  await text('td', 'to go');

  await text('td .chip', 'ended');
  assert.equal(await done(), 1200);
  await text('#announcer', 'has ended');
  await text('.tiles', '1,200 succeeded today');
});

test('an ended batch groups its errors, filters its requests and gives its results', async () => {
  const id = await submit('ended', 40, (request, i) => i % 4 ? request : { ...request, metadata: { model_hint: 'gpt-9' } });
  await ended('ended', id);
  await open('ended', `#/batches/${id}`);
  await text('section[aria-label="Errors by reason"] td', 'unknown model "gpt-9"');
  await text('section[aria-label="Errors by reason"] td', '10');

  await page.click('[data-of=errored]');
  await page.waitForFunction(() => document.querySelectorAll('section[aria-label=Requests] tbody tr').length === 10);
  await text('section[aria-label=Requests] td', 'model_hint');

  const session = await page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads, eventsEnabled: true, browserContextId: page.browserContext().id });
  const downloaded = new Promise(resolve => session.on('Browser.downloadProgress', progress => progress.state === 'completed' && resolve()));
  await page.click('[data-do=download]');
  await downloaded;
  const [file] = await readdir(downloads);
  assert.equal(file, `${id}_results.jsonl`);
  assert.equal((await readFile(join(downloads, file), 'utf8')).trimEnd().split('\n').length, 40);
});

test('a batch is canceled by keyboard, after a question', async () => {
  await setLatency('1s');
  const id = await submit('canceled', 2000);
  await open('canceled');
  await text('td', id);
  await tabTo(id);
  await page.keyboard.press('Enter');
  await text('h1', id);
  await text('button', 'Cancel batch');

  await tabTo('Cancel batch');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#confirm[open]');
  assert.equal(await focused(), 'Keep it running');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#confirm:not([open])');
  assert.equal((await api('canceled', `/${id}`)).processing_status, 'in_progress');

  await tabTo('Cancel batch');
  await page.keyboard.press('Enter');
  await tabTo('Cancel batch');
  await page.keyboard.press('Enter');
  await text('.title .chip', 'canceled');

  await page.keyboard.press('Escape');
  await page.waitForFunction(id => document.activeElement.matches(`a[href="#/batches/${id}"]`), {}, id);
});

test('a batch that is not there is said not to be', async () => {
  await open('empty', '#/batches/msgbatch_01');
  await text('section p', 'There is no message batch');
});

for (const scheme of ['light', 'dark']) {
  test(`at 360 pixels nothing has to be scrolled sideways, and words can be read, in ${scheme}`, async () => {
    const id = await submit('narrow', 12, (request, i) => i % 4 ? request : { ...request, metadata: { model_hint: 'gpt-9' } });
    await ended('narrow', id);
    await page.setViewport({ width: 360, height: 740 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await open('narrow');
    await text('td', id);
    await assertReadable(scheme);
    await page.goto(`${url}/#/batches/${id}`);
    await text('section[aria-label=Requests] td', 'lead-1');
    await assertReadable(scheme);
  });
}

/** Nothing stands beyond the right edge, and every text has a contrast of 4.5 with what is behind it. */
const assertReadable = async scheme => {
  const { beyond, faint, background } = await page.evaluate(() => {
    const parts = color => color.match(/[\d.]+/g).map(Number);
    const light = color => parts(color).slice(0, 3).map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
      .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
      for (let at = element; at; at = at.parentElement) {
        const color = getComputedStyle(at).backgroundColor;
        if (parts(color)[3] !== 0) return color;
      }
    };
    const contrast = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const shown = [...document.querySelectorAll('body *')].filter(element => element.checkVisibility() && !element.closest('.unseen'));
    return {
      beyond: [document.documentElement, ...document.querySelectorAll('.panel')].filter(element => element.scrollWidth > element.clientWidth).map(element => `${element.tagName} ${element.ariaLabel}`),
      faint: shown.filter(element => [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()))
        .filter(element => contrast(light(getComputedStyle(element).color), light(behind(element))) < 4.5).map(element => `${element.tagName}.${element.className} ${element.textContent}`),
      background: light(getComputedStyle(document.body).backgroundColor),
    };
  });
  assert.deepEqual(beyond, []);
  assert.deepEqual(faint, []);
  assert.equal(background < 0.2, scheme === 'dark');
};

test('an endpoint that fails is a problem on top, with words on what to do, until it is back', async () => {
  await open('failing');
  await fetch(`${simulator}/simulator/endpoints/v1`, { method: 'PUT', body: JSON.stringify({ outage: { status: 503 } }) });
  try {
    await submit('failing', 40);
    await text('#problems .problem', 'out of use');
    await text('#problems .problem', 'Its requests wait; none is lost.');
    await text('section[aria-label=Endpoints] .chip', 'out of use');
  } finally {
    await fetch(`${simulator}/simulator/endpoints/v1`, { method: 'DELETE' });
  }
  await gone('#problems .problem', 'out of use');
  await text('td .chip', 'ended');
});

test('a connection that is lost is said to be, and comes back', async () => {
  const [server, sockets] = [new URL(url), new Set()];
  const proxy = createServer(socket => {
    const upstream = connect(server.port, server.hostname);
    for (const end of [socket, upstream]) sockets.add(end.on('error', () => {}).on('close', () => { socket.destroy(); upstream.destroy(); }));
    socket.pipe(upstream).pipe(socket);
  });
  const listen = port => new Promise(resolve => proxy.listen(port, '127.0.0.1', () => resolve(proxy.address().port)));
  const cut = () => new Promise(resolve => { proxy.close(resolve); sockets.forEach(socket => socket.destroy()); sockets.clear(); });
  const port = await listen(0);
  origin = `http://127.0.0.1:${port}`;
  try {
    await open('empty');

    await cut();
    await text('#problems .problem', 'does not answer');
    await text('#link', 'not connected');

    await listen(port);
    await text('#link', 'live');
    await gone('#problems .problem', 'does not answer');
  } finally {
    await cut();
  }
});
