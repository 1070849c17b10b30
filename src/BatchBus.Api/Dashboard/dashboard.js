// The dashboard: state that calls to the API fill in, views made of it, and one function that brings the page to what a view says.

const state = {
  key: sessionStorage.getItem('batchbus-key'),
  link: 'connecting', // or live, lost
  linkError: '',
  status: null,
  seenAt: null,
  list: { batches: [], more: false, loaded: false, error: '' },
  batch: null, // the one that is looked at: see openBatch
};
const $ = id => document.getElementById(id);

// ---- Words and figures

const count = new Intl.NumberFormat('en-US');
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hour12: false });
const none = '–';
const number = value => value == null ? none : count.format(value);
const requests = value => `${number(value)} ${value === 1 ? 'request' : 'requests'}`;
const rate = value => value == null ? none : value === 0 || value >= 10 ? count.format(Math.round(value)) : value.toFixed(1);
const percent = value => value == null ? none : value === 0 ? '0 %' : `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;
const dollars = value => value == null ? none : `$${value === 0 ? '0' : value.toFixed(value >= 1 ? 2 : Math.min(6, 2 - Math.floor(Math.log10(value))))}`;
const tokens = value => value >= 1e9 ? `${(value / 1e9).toFixed(2)} G` : value >= 1e7 ? `${(value / 1e6).toFixed(1)} M` : count.format(value);
const duration = seconds => {
  if (seconds == null) return none;
  if (seconds < 0.1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
  return `${Math.floor(whole / 86400)} d`;
};
const between = (from, to) => (new Date(to) - new Date(from)) / 1000;
const moment = time => time == null ? none : (Math.abs(Date.now() - new Date(time)) < 72e6 ? clock : day).format(new Date(time));
const routes = { model_hint: 'model_hint', request_stage: 'its stage', batch_stage: 'batch stage', model: 'model', alias: 'model alias', default: 'default' };
const outcomes = ['succeeded', 'errored', 'canceled', 'expired'];
const states = ['waiting', 'running', ...outcomes];
const chips = { in_progress: ['now', 'in progress'], canceling: ['warned', 'canceling'], running: ['now', 'running'], errored: ['failed', 'errored'], in_use: ['now', 'in use'], out_of_use: ['failed', 'out of use'], stopped: ['failed', 'stopped'], no_worker: ['', 'no worker'] };
const chip = (word, text) => h(`span.chip ${chips[word]?.[0] ?? ''}`, {}, text ?? chips[word]?.[1] ?? word);

// ---- Elements: h makes one, morph brings what is on the page to what was made, so that focus and selection stay

const make = (element, name, attributes, children) => {
  const [tag, ...classes] = name.split('.');
  const made = element(tag);
  if (classes.length) made.setAttribute('class', classes.join(' ').trim());
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value != null && value !== false) made.setAttribute(attribute, value === true ? '' : value);
  }
  made.append(...children.flat().filter(child => child != null && child !== false));
  return made;
};
const h = (name, attributes = {}, ...children) => make(tag => document.createElement(tag), name, attributes, children);
const svg = (name, attributes = {}, ...children) => make(tag => document.createElementNS('http://www.w3.org/2000/svg', tag), name, attributes, children);

const morph = (from, to) => {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || from.dataset?.key !== to.dataset?.key) {
    from.replaceWith(to);
    return;
  }
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
  for (const { name, value } of [...to.attributes]) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  fill(from, [...to.childNodes]);
};
const fill = (parent, wanted) => {
  const keyed = new Map([...parent.children].filter(child => child.dataset.key).map(child => [child.dataset.key, child]));
  let at = parent.firstChild;
  for (const next of wanted) {
    const known = keyed.get(next.dataset?.key);
    if (known && known !== at) parent.insertBefore(known, at);
    else if (!at || (next.dataset?.key && !known)) { parent.insertBefore(next, at); continue; }
    const old = known ?? at;
    at = old.nextSibling;
    morph(old, next);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
};

const table = (columns, rows) => h('table', {},
  h('thead', {}, h('tr', {}, ...columns.map(([name, kind]) => h(`th.${kind ?? ''}`, { scope: 'col' }, name)))),
  h('tbody', {}, ...rows.map(([key, cells, kind]) => h(`tr.${kind ?? ''}`, { 'data-key': key }, ...cells.map((cell, i) => h(`td.${columns[i][1] ?? ''}`, {}, cell))))));
const facts = entries => h('dl.facts', {}, ...entries.filter(Boolean).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
const panel = (title, ...content) => h('section.panel', { 'aria-label': title }, h('h2', {}, title), ...content);

/** A bar of parts; what is missing to the whole is still to come. */
const bar = (counts, total, text) => {
  let x = 0;
  const part = (kind, value) => {
    const width = total ? 100 * value / total : 0;
    const rect = svg('rect', { class: kind, x: x.toFixed(2), y: 0, width: width.toFixed(2), height: 8 });
    x += width;
    return rect;
  };
  return h('div', { role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': total, 'aria-valuenow': counts.succeeded + counts.errored, 'aria-label': text },
    svg('svg', { viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, part('ok', counts.succeeded), part('failed', counts.errored), part('left', counts.canceled + counts.expired)));
};

/** A batch as it is now, from the API's object and, while it is open, its live counts. */
const progressOf = batch => {
  const open = state.status?.batches.find(open => open.progress.id === batch.id);
  const ended = batch.processing_status === 'ended';
  const final = batch.request_counts;
  const total = open?.progress.total ?? Object.values(final).reduce((sum, value) => sum + value, 0);
  const { succeeded, errored } = !ended && open ? open.progress : final;
  return {
    total, succeeded, errored, canceled: final.canceled, expired: final.expired,
    unfinished: ended ? 0 : total - succeeded - errored,
    status: ended ? final.canceled ? 'canceled' : final.expired ? 'expired' : 'ended' : open?.processing_status ?? batch.processing_status,
    perSecond: open?.progress.requests_per_second, toGo: open?.progress.seconds_to_go, stage: open?.stage, ended, isLive: !ended && !!open,
  };
};

// ---- Views

const problemsView = () => {
  const lost = state.link === 'lost' && {
    part: 'connection', severity: 'problem',
    description: `${state.linkError}${state.seenAt ? ` What is shown is of ${clock.format(state.seenAt)}.` : ''}`,
    remedy: 'Check that batchbus runs and that this computer reaches it. The page tries again by itself.',
  };
  return (lost ? [lost] : state.status?.problems ?? []).map(problem => h(`div.problem ${problem.severity}`, { 'data-key': `${problem.part} ${problem.remedy}` },
    h('p', {}, h('b', {}, problem.part), ` ${problem.description}`), problem.remedy && h('p', {}, problem.remedy)));
};

const tilesView = ({ models, usage, open_batches: open }) => {
  const sum = name => models.reduce((total, model) => total + (model[name] ?? 0), 0);
  const total = usage.total;
  const share = total.requests ? total.errored / total.requests : 0;
  const simulated = usage.models.some(model => model.simulated);
  const money = !total.requests ? 'nothing used yet' : total.managed_dollars == null ? 'no comparison' : `managed API ${dollars(total.managed_dollars)}`;
  const tile = (name, figure, ...rest) => h('div', {}, h('dt', {}, name), h('dd', {}, figure), h('dd', {}, ...rest));
  return h('dl.panel tiles', { 'aria-label': 'Now and today' },
    tile('Waiting', number(sum('waiting')), open === 1 ? 'in 1 open batch' : `in ${number(open)} open batches`),
    tile('In flight', number(sum('in_flight')), `on ${models.filter(model => model.in_flight).length || 'no'} model${models.filter(model => model.in_flight).length > 1 ? 's' : ''}`),
    tile('Per second', rate(sum('requests_per_second')), `${number(total.succeeded)} succeeded today`),
    tile('Errored today', number(total.errored), total.requests ? `${percent(share)} of ${number(total.requests)} routed` : 'no requests yet'),
    tile(simulated ? 'Cost today (simulated)' : 'Cost today', dollars(total.cost.dollars), money));
};

const batchesView = () => {
  const { batches, more, loaded, error } = state.list;
  if (error) return panel('Batches', h('p', {}, error));
  if (!loaded) return panel('Batches', h('p', {}, 'Loading …'));
  if (!batches.length) return emptyView();
  const rows = batches.map(batch => {
    const now = progressOf(batch);
    const done = now.succeeded + now.errored;
    const time = now.ended ? duration(between(batch.created_at, batch.ended_at)) : now.toGo == null ? none : `${duration(now.toGo)} to go`;
    return [batch.id, [
      [h('a.mono wrap', { href: `#/batches/${batch.id}` }, batch.id), h('span.small note', {}, chip(now.status), ` ${moment(batch.created_at)}`)],
      chip(now.status),
      [bar(now, now.total, `${batch.id}: ${done} of ${now.total} done`), h('div.figures', {},
        h('span', {}, now.isLive || now.ended ? `${number(done)} of ${number(now.total)}` : requests(now.total)),
        now.errored > 0 && h('span.bad', {}, `${number(now.errored)} errored`),
        h('span.small note', {}, time))],
      rate(now.perSecond), time, moment(batch.created_at),
    ], 'row'];
  });
  return h('section.panel', { 'aria-label': 'Batches' }, h('h2', {}, 'Batches'),
    table([['Batch'], ['Status', 'wide'], ['Progress', 'bar'], ['Per second', 'right wide'], ['Time', 'right wide'], ['Created', 'right wide']], rows),
    more && h('div.more', {}, h('button', { type: 'button', 'data-do': 'older' }, 'Show older batches')));
};

const emptyView = () => h('section.panel', { 'aria-label': 'Batches' }, h('h2', {}, 'No batches yet'),
  h('p', {}, 'Submit the first one, and it appears here:'),
  h('pre', { tabindex: 0 }, h('code', {}, `curl ${location.origin}/v1/messages/batches \\
  -H 'content-type: application/json' -H 'x-api-key: ${state.key ? 'YOUR-KEY' : 'any-key'}' \\
  -d '{"requests": [{"custom_id": "first", "params": {
        "model": "claude-haiku-4-5", "max_tokens": 100,
        "messages": [{"role": "user", "content": "Say hello."}]}}]}'`)),
  h('p', {}, `Anthropic's SDKs work as well: set their base URL to ${location.origin}. `, h('a', { href: 'docs' }, 'All endpoints')));

const modelsView = ({ models, usage }) => panel('Models', table(
  [['Model'], ['Waiting', 'right'], ['In flight', 'right'], ['Oldest', 'right wide'], ['Errored', 'right wide'], ['Per second', 'right']],
  models.map(model => [model.model, [
    [model.model, model.simulated && h('span.note', {}, ' simulated')],
    number(model.waiting), number(model.in_flight),
    model.oldest_at ? duration(Math.max(0, between(model.oldest_at, state.status.at))) : none,
    number(usage.models.find(used => used.model === model.model)?.errored ?? 0),
    rate(model.requests_per_second),
  ]])));

const endpointsView = ({ endpoints }) => panel('Endpoints', table(
  [['Endpoint'], ['State'], ['In flight', 'right'], ['Allowed now', 'right']],
  endpoints.map(endpoint => [endpoint.endpoint, [
    endpoint.endpoint,
    [chip(endpoint.state), endpoint.since && h('span.note', {}, ` since ${moment(endpoint.since)}`)],
    number(endpoint.in_flight),
    endpoint.state === 'no_worker' ? none : endpoint.max_in_flight ? `${number(endpoint.limit)} of ${number(endpoint.max_in_flight)}` : number(endpoint.limit),
  ]])));

const usageTable = models => table(
  [['Model'], ['Requests', 'right wide'], ['Tokens in', 'right wide'], ['Cached', 'right wide'], ['Tokens out', 'right'], ['GPU time', 'right wide'], ['Cost', 'right'], ['Per million out', 'right wide'], ['Managed', 'right']],
  models.map(used => [used.model, [
    [used.model, used.simulated && h('span.note', {}, ' simulated')],
    number(used.requests), tokens(used.input_tokens), tokens(used.cached_tokens), tokens(used.output_tokens), duration(used.gpu_seconds),
    dollars(used.cost.dollars), dollars(used.dollars_per_million_output_tokens),
    dollars(used.managed?.dollars),
  ]]));

const usageNote = models => {
  const cheaper = models.filter(used => used.cheaper).map(used => `${used.model}: ${used.cheaper === 'self_hosted' ? 'own endpoint cheaper' : 'managed API cheaper'}`);
  const managed = models.filter(used => used.managed).map(({ model, managed: { name, price_as_of: asOf } }) => `${name} for ${model} (price of ${asOf})`);
  return [
    managed.length > 0 && `Managed API: the same tokens with ${managed.join(', ')}.`,
    models.some(used => used.simulated) && 'Simulated: the simulator answered, so times and costs say nothing about real ones.',
    cheaper.length > 0 && `${cheaper.join('; ')}.`,
    models.some(used => used.cost.basis === 'tokens') && 'Where an endpoint reports no GPU time, it is measured from outside.',
    'Idle and starting GPUs come on top.',
  ].filter(Boolean).join(' ');
};

const usageView = ({ usage }) => usage.models.length > 0 && h('section.panel', { 'aria-label': 'Tokens and money today' },
  h('h2', {}, 'Tokens and money today ', h('span.note', {}, '(UTC)')), usageTable(usage.models), h('p', {}, usageNote(usage.models)),
  usage.endpoints.length > 0 && table(
    [['GPUs of'], ['Billed', 'right'], ['Idle', 'right'], ['Idle cost', 'right wide'], ['Used', 'right'], ['Breaks even at', 'right wide']],
    usage.endpoints.map(gpu => [gpu.endpoint, [gpu.endpoint, duration(gpu.billed_seconds), duration(gpu.idle_seconds), dollars(gpu.idle_dollars), percent(gpu.utilization), percent(gpu.break_even_utilization)]])));

const overview = () => {
  const status = state.status;
  return [
    h('h1.unseen', { tabindex: -1, 'data-key': 'top' }, 'Overview'),
    status?.at && tilesView(status),
    (status || state.list.loaded) && batchesView(),
    status?.at && h('div.columns', {}, modelsView(status), endpointsView(status)),
    status?.at && usageView(status),
  ].filter(Boolean);
};

const batchView = () => {
  const { id, batch, error, models, failures, download, notice } = state.batch;
  const title = h('h1', { tabindex: -1, 'data-key': 'top' }, h('span.mono', {}, id));
  const back = h('p', {}, h('a', { href: '#/' }, '← All batches'));
  if (error) return [back, h('section.panel', {}, h('div.title', {}, title), h('p', {}, error))];
  if (!batch) return [back, h('section.panel', {}, h('div.title', {}, title), h('p', {}, 'Loading …'))];
  const now = progressOf(batch);
  const done = now.succeeded + now.errored;
  const button = (what, text, kind, disabled) => h(`button.${kind ?? ''}`, { type: 'button', 'data-do': what, 'data-key': what, disabled }, text);
  const used = now.isLive ? state.status.batches.find(open => open.progress.id === id).progress.models : models;
  return [
    back,
    h('section.panel', { 'aria-label': 'Batch' },
      h('div.title', {}, title, chip(now.status),
        h('div.group end', {},
          !batch.archived_at && (now.ended || done > 0) && button('download', download ?? (now.ended ? 'Download results' : 'Download results so far'), now.ended && 'main', !!download),
          !now.ended && button('cancel', now.status === 'canceling' ? 'Canceling …' : 'Cancel batch', 'danger', now.status === 'canceling'))),
      h('p.bad', { role: 'alert' }, notice),
      h('div.whole bar big', {}, bar(now, now.total, `${done} of ${now.total} done`)),
      facts([
        ['Done', `${number(done)} of ${number(now.total)}`],
        ['Succeeded', number(now.succeeded)],
        ['Errored', now.errored ? h('span.bad', {}, number(now.errored)) : '0'],
        now.canceled > 0 && ['Canceled', number(now.canceled)],
        now.expired > 0 && ['Expired', number(now.expired)],
        !now.ended && ['Per second', rate(now.perSecond)],
        !now.ended && ['Time to go', duration(now.toGo)],
        now.stage && ['Stage', now.stage],
        ['Created', moment(batch.created_at)],
        now.ended ? ['Ended', `${moment(batch.ended_at)}, after ${duration(between(batch.created_at, batch.ended_at))}`] : ['Expires', moment(batch.expires_at)],
        batch.archived_at && ['Results removed', moment(batch.archived_at)],
      ])),
    failures?.groups.length > 0 && panel('Errors by reason', table([['Reason', 'wrap'], ['Kind', 'wide'], ['Such as', 'wide'], ['Requests', 'right']],
      failures.groups.map(group => [`${group.type} ${group.message}`, [group.message, group.type, h('code', {}, group.example), number(group.requests)]])),
      failures.more && h('p', {}, `Of the first ${number(failures.counted)} errors.`)),
    used?.length > 0 && panel('Routing, tokens and money', usageTable(used), h('p', {}, usageNote(used))),
    !batch.archived_at && requestsView(now),
  ].filter(Boolean);
};

const requestsView = now => {
  const { filter, requests: page } = state.batch;
  const possible = states.filter(name => now.ended ? name !== 'waiting' && name !== 'running' && now[name] > 0 : name !== 'canceled' && name !== 'expired');
  return h('section.panel', { 'aria-label': 'Requests' },
    h('div.title', {}, h('h2', {}, 'Requests'), h('div.group', { role: 'group', 'aria-label': 'Show' },
      ...['', ...possible].map(name => h('button', { type: 'button', 'data-do': 'filter', 'data-of': name, 'data-key': `show-${name}`, 'aria-pressed': String(filter === name) }, name || 'all')))),
    page.error ? h('p', {}, page.error) : !page.loaded ? h('p', {}, 'Loading …') : !page.rows.length ? h('p', {}, 'None.')
      : table([['Request'], ['State'], ['Model', 'wide'], ['Routed by', 'wide'], ['Error', 'wide wrap']], page.rows.map(request => [request.custom_id, [
        [h('span.mono wrap', {}, request.custom_id), h('span.small note', {}, `${request.model ?? 'no model'}, by ${routes[request.routed_by]}`), request.error && h('span.small bad wrap', {}, request.error.message)],
        chip(request.state), request.model ?? none, routes[request.routed_by], request.error?.message ?? '',
      ]])),
    page.next && h('div.more', {}, h('button', { type: 'button', 'data-do': 'further' }, 'Show more requests')));
};

const draw = () => {
  $('workspace').textContent = state.status?.workspace ?? '';
  $('link').className = state.link;
  $('link').textContent = { connecting: 'connecting', live: 'live', lost: 'not connected' }[state.link];
  $('forget').hidden = !state.key;
  fill($('problems'), problemsView());
  fill($('main'), state.batch ? batchView() : overview());
  const open = state.status?.open_batches;
  document.title = state.batch ? `${state.batch.id.slice(-8)} · BatchBus` : open ? `${open} open · BatchBus` : 'BatchBus';
};
const announce = text => { $('announcer').textContent = text; };

// ---- The API

class Refusal extends Error {
  constructor(status, message) { super(message); this.status = status; }
}

/** Calls the API; asks for a key for as long as it wants another. */
const call = async (path, options = {}) => {
  for (;;) {
    const key = state.key;
    const answer = await fetch(path, { ...options, cache: 'no-store', headers: key ? { 'x-api-key': key } : {} });
    if (answer.ok) return answer;
    const message = (await answer.json().catch(() => null))?.error?.message ?? `The server answered with HTTP ${answer.status}.`;
    if (answer.status !== 401) throw new Refusal(answer.status, message);
    if (key === state.key) await askForKey(key ? message : '');
  }
};

let asked;
const askForKey = message => asked ??= new Promise(resolve => {
  $('key-error').textContent = message;
  $('key-text').value = '';
  $('key').showModal();
  $('key').onclose = () => asked && $('key').showModal(); // Without a key there is nothing to go back to.
  $('key').querySelector('form').onsubmit = event => {
    event.preventDefault();
    state.key = $('key-text').value.trim();
    sessionStorage.setItem('batchbus-key', state.key);
    $('key-text').value = '';
    asked = null;
    $('key').close();
    resolve();
  };
});

/** The data of each event of a stream; a silent one is given up. */
async function* events(path, stop) {
  const answer = await call(path, { signal: stop.signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const silence = setTimeout(() => stop.abort(new Error('silent')), 15000);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    const parts = (text + value).split('\n\n');
    text = parts.pop();
    for (const part of parts) {
      const data = part.split('\n').filter(line => line.startsWith('data: ')).map(line => line.slice(6)).join('\n');
      yield data ? JSON.parse(data) : null;
    }
  }
}

const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
const whenVisible = () => document.hidden ? new Promise(resolve => document.addEventListener('visibilitychange', resolve, { once: true })).then(whenVisible) : undefined;

let stream;
const follow = async () => {
  for (let failures = 0; ;) {
    await whenVisible();
    stream = new AbortController();
    try {
      for await (const status of events('v1/status/events', stream)) {
        failures = 0;
        state.seenAt = new Date();
        if (state.link !== 'live') {
          if (state.link === 'lost') announce('Connected again.');
          state.link = 'live';
          loadList();
          state.batch?.refresh();
        }
        if (status) take(status);
        draw();
      }
      state.linkError = 'The server has closed the connection.';
    } catch (error) {
      state.linkError = error instanceof Refusal ? error.message : `The server at ${location.host} does not answer.`;
    }
    if (document.hidden) continue;
    if (failures++ > 0 || state.link !== 'live') {
      if (state.link !== 'lost') announce('The connection is lost.');
      state.link = 'lost';
    } else {
      state.link = 'connecting';
    }
    draw();
    await pause(Math.min(5000, 250 * 2 ** failures));
  }
};
// A page in the background needs no connection, of which a browser has few.
document.addEventListener('visibilitychange', () => { if (document.hidden) stream?.abort(); });

const take = status => {
  const before = state.status;
  state.status = status;
  const ids = report => report?.batches.map(open => open.progress.id).join() ?? '';
  if (ids(before) !== ids(status) || before?.open_batches !== status.open_batches || state.list.error) {
    loadList();
    const gone = before?.batches.filter(open => !status.batches.some(other => other.progress.id === open.progress.id)) ?? [];
    if (status.open_batches < before?.open_batches && gone.length) announce(gone.length === 1 ? `Batch ${gone[0].progress.id.slice(-8)} has ended.` : `${gone.length} batches have ended.`);
  }
  state.batch?.refresh();
};

/** One run at a time; who asks meanwhile gets one more after it, not before some time has passed. */
const paced = (run, least = 0) => {
  let running = false, again = false;
  return async function start() {
    again = running;
    if (running) return;
    running = true;
    try { await run(); } catch { /* What failed is shown where it belongs, or tried again with the next event. */ }
    draw();
    if (least) await pause(least);
    running = false;
    if (again) start();
  };
};

let shown = 25;
const loadList = paced(async () => {
  try {
    const page = await (await call(`v1/messages/batches?limit=${shown}`)).json();
    state.list = { batches: page.data, more: page.has_more && shown < 1000, loaded: true, error: '' };
  } catch (error) {
    if (error instanceof Refusal) state.list.error = error.message;
    throw error;
  }
}, 500);

/** Looks at one batch. What is read of it changes only as long as nobody looks at another. */
const openBatch = id => {
  const path = `v1/messages/batches/${encodeURIComponent(id)}`;
  const view = { id, batch: null, error: '', models: null, failures: null, filter: '', requests: { rows: [], next: null, loaded: false, error: '' }, download: null, notice: '' };
  let pages = 1;
  const json = async url => (await call(url)).json();
  const readRequests = async () => {
    const filter = view.filter;
    const query = filter ? `&state=${filter}` : '';
    const rows = [];
    let next = null;
    for (let page = 0; page < pages && (page === 0 || next); page++) {
      const part = await json(`${path}/requests?limit=50${query}${next ? `&after=${next}` : ''}`);
      rows.push(...part.data);
      next = part.next;
    }
    if (filter === view.filter) view.requests = { rows, next, loaded: true, error: '' };
  };
  const readErrors = async errored => {
    if (!errored || view.failures?.of === errored) return;
    const part = await json(`${path}/requests?state=errored&limit=200`);
    const groups = new Map();
    for (const { custom_id: example, error } of part.data) {
      const name = `${error.type} ${error.message}`;
      const group = groups.get(name) ?? { ...error, requests: 0, example };
      group.requests++;
      groups.set(name, group);
    }
    view.failures = { of: errored, groups: [...groups.values()].sort((one, other) => other.requests - one.requests), counted: part.data.length, more: part.has_more };
  };
  // A key may be limited in its calls, so only what has changed is read, and of a running batch the requests now and then.
  let seen = '', seenAt = 0;
  view.refresh = paced(async () => {
    try {
      if (!view.batch || (view.batch.processing_status !== 'ended' && !progressOf(view.batch).isLive)) view.batch = await json(path);
      view.error = '';
    } catch (error) {
      if (error instanceof Refusal) view.error = error.message;
      throw error;
    }
    draw();
    const now = progressOf(view.batch);
    if (!now.isLive && !(now.ended && view.models)) {
      const stop = new AbortController();
      for await (const progress of events(`${path}/events`, stop)) {
        view.models = progress?.models ?? view.models;
        if (now.ended) continue; // The server closes the stream.
        stop.abort();
        break;
      }
    }
    const mark = `${now.status} ${now.succeeded} ${now.errored}`;
    if (view.batch.archived_at || mark === seen || (!now.ended && Date.now() - seenAt < 5000)) return;
    [seen, seenAt] = [mark, Date.now()];
    try { await readRequests(); } catch (error) { if (error instanceof Refusal) view.requests.error = error.message; throw error; }
    await readErrors(now.errored);
  }, 500);
  view.show = async filter => {
    view.filter = filter;
    pages = 1;
    view.requests = { rows: [], next: null, loaded: false, error: '' };
    draw();
    await readRequests();
  };
  view.further = async () => { pages++; await readRequests(); };
  view.save = async () => {
    const ended = view.batch.processing_status === 'ended';
    view.download = 'Downloading …';
    draw();
    try {
      const content = await (await call(`${path}/results${ended ? '' : '?partial=true'}`)).blob();
      const link = h('a', { href: URL.createObjectURL(content), download: `${id}_results.jsonl` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      announce('The results are downloaded.');
    } finally {
      view.download = null;
    }
  };
  view.cancel = async () => {
    view.batch = await (await call(`${path}/cancel`, { method: 'POST' })).json();
    announce('The batch is being canceled.');
    document.querySelector('[data-key=top]')?.focus();
  };
  return view;
};

// ---- What people do

const confirmed = text => new Promise(resolve => {
  const dialog = $('confirm');
  $('confirm-text').textContent = text;
  dialog.returnValue = 'no';
  dialog.querySelector('form').onsubmit = event => { event.preventDefault(); dialog.close('yes'); };
  dialog.querySelector('[value=no]').onclick = () => dialog.close('no');
  dialog.onclose = () => resolve(dialog.returnValue === 'yes');
  dialog.showModal();
});

const actions = {
  older: () => { shown = Math.min(1000, shown + 50); return loadList(); },
  filter: button => state.batch.show(button.dataset.of),
  further: () => state.batch.further(),
  download: () => state.batch.save(),
  cancel: async () => {
    const { unfinished } = progressOf(state.batch.batch);
    if (await confirmed(`${requests(unfinished)} without a result will not be answered. What has a result keeps it.`)) await state.batch.cancel();
  },
};
document.addEventListener('click', async event => {
  const button = event.target.closest('[data-do]');
  if (!button) return;
  const view = state.batch ?? {};
  view.notice = '';
  try { await actions[button.dataset.do](button); } catch (error) { view.notice = error instanceof Refusal ? error.message : 'The server does not answer. Try again.'; }
  draw();
});
document.addEventListener('keydown', event => {
  if (event.key === 'Escape' && state.batch && !document.querySelector('dialog[open]')) location.hash = '#/';
});
$('forget').onclick = () => {
  sessionStorage.removeItem('batchbus-key');
  location.reload();
};

const route = () => {
  const from = state.batch?.id;
  const id = /^#\/batches\/([\w-]+)$/.exec(location.hash)?.[1];
  state.batch = id ? openBatch(id) : null;
  $('main').replaceChildren();
  draw();
  (document.querySelector(from ? `a[href="#/batches/${from}"]` : 'nothing') ?? (id || from ? document.querySelector('[data-key=top]') : null))?.focus();
  state.batch?.refresh();
};
addEventListener('hashchange', route);
route();
follow();
