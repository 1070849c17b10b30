import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compile, output, writePrograms } from './support/programs.mjs';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const snippets = [...readme.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, language, text]) => ({ language, text }));

// What each snippet prints, in their order.
const prints = [
  /^Acme \[[^]*Globex \[|^Globex \[[^]*Acme \[/,
  /^(in_progress|ended) \{\s+processing: [01],/,
  /1 of 1\n\{[^]*succeeded: 1,/,
  /^lead-1 \d+\n$/,
  /^It was deleted, or belongs to another workspace\.\n$/,
  /^20\d\d-\d\d-\d\dT.*Z\n$/,
];

test('Each snippet of the README compiles and does what it says', async (t) => {
  assert.equal(snippets.length, prints.length);
  const programs = snippets.map(({ language, text }, i) => [`snippet-${i}.${{ ts: 'mts', js: 'cjs' }[language]}`, text]);
  const folder = writePrograms('readme', Object.fromEntries(programs));
  await compile(folder, programs.map(([name]) => name).filter((name) => name.endsWith('.mts')));
  for (const [i, [name]] of programs.entries()) {
    await t.test(name, async () => assert.match(await output(folder, name.replace('.mts', '.mjs')), prints[i]));
  }
});
