import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Writes programs into a folder of the package, where they import it by its name as its users do. */
export function writePrograms(folder, programs) {
  const path = join(root, 'artifacts', folder);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(path, name), text);
  }

  return path;
}

/** Compiles TypeScript programs where they are; rejects with what the compiler says. */
export async function compile(folder, names, ...options) {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', '--ignoreConfig'];
  try {
    await run(tsc, [...strict, ...options, ...names], { cwd: folder });
  } catch (error) {
    throw new Error(error.stdout || error.message);
  }
}

/** What a program prints; rejects where it fails. */
export async function output(folder, name) {
  return (await run(process.execPath, [name], { cwd: folder })).stdout;
}
