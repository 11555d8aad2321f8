/**
 * Runs commands one after the other and tells how each went. In: a JSON array of argument arrays on standard
 * input. Out: a JSON array of results on standard output. Started inside a namespace by `in-namespace.ts`.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const commands = JSON.parse(readFileSync(0, 'utf8')) as readonly (readonly string[])[];
const results = commands.map(([program = '', ...args]) => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return { status, stdout, stderr };
});
process.stdout.write(JSON.stringify(results));
