import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile, output, writePrograms } from './support/programs.mjs';

const threeLines = `
const { id } = await createBatch('sales_intel', requests);
const status = await getBatchStatus(id);
const { results } = await getBatchResults(id);
`;

const requests = `
const requests = ['Acme', 'Globex'].map((name) => ({
  custom_id: name,
  params: { max_tokens: 100, messages: [{ role: 'user', content: \`What does \${name} need?\` }] },
  metadata: { stage: 'subject' },
}));
`;

const print = `
const answers = results.map(({ custom_id, result }) => [custom_id, result.type === 'succeeded' ? result.message.model : result.type]);
console.log(JSON.stringify({ id, total: status.request_counts.processing + status.request_counts.succeeded, answers: Object.fromEntries(answers) }));
`;

function check(printed) {
  const { id, total, answers } = JSON.parse(printed);
  assert.match(id, /^msgbatch_/);
  assert.equal(total, 2);
  assert.deepEqual(answers, { Acme: 'mistral-7b', Globex: 'mistral-7b' });
}

const imports = "import { createBatch, getBatchStatus, getBatchResults } from 'batchbus';";
const required = "const { createBatch, getBatchStatus, getBatchResults } = require('batchbus');";

test('The three lines run in an ES module', async () => {
  const folder = writePrograms('esm', { 'app.mjs': imports + requests + threeLines + print });
  check(await output(folder, 'app.mjs'));
});

test('The three lines run in a CommonJS module', async () => {
  const folder = writePrograms('commonjs', { 'app.cjs': `${required}${requests}(async () => {${threeLines}${print}})();` });
  check(await output(folder, 'app.cjs'));
});

test('The three lines compile and run from TypeScript, as either kind of module', async () => {
  const folder = writePrograms('typescript', {
    'module.mts': imports + requests + threeLines + print,
    'common.cts': `${imports}${requests}void (async () => {${threeLines}${print}})();`,
  });
  await compile(folder, ['module.mts', 'common.cts']);
  check(await output(folder, 'module.mjs'));
  check(await output(folder, 'common.cjs'));
});

test('The compiler refuses what the server would refuse', async () => {
  const folder = writePrograms('wrong', {
    'app.mts': `${imports}
await createBatch('sales_intel', [{ params: { max_tokens: 1, messages: [] } }]);
const { results } = await getBatchResults('msgbatch_1');
results[0]!.result.message;
`,
  });
  await assert.rejects(compile(folder, ['app.mts'], '--noEmit'), (error) => {
    assert.match(error.message, /app\.mts\(2,.*custom_id/);
    assert.match(error.message, /app\.mts\(4,.*message/);
    return true;
  });
});

test('Both kinds of module share the classes of errors', async () => {
  const folder = writePrograms('shared', {
    'app.mjs': "import { createRequire } from 'node:module';\nimport { BatchBusError } from 'batchbus';\n"
      + "console.log(createRequire(import.meta.url)('batchbus').BatchBusError === BatchBusError);",
  });
  assert.equal(await output(folder, 'app.mjs'), 'true\n');
});
