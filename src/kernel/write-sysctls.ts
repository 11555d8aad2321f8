/**
 * A program of its own, started inside a network namespace: writes sysctls there. In: `[{name, value}]` on
 * standard input. Out: /proc/sys; on an error one line on stderr and status 1. It exists because /proc/sys/net shows
 * the namespace of the process that opens it, and a running Node.js cannot change its own.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { sysctlPath } from './sysctl-path.ts';

interface Setting {
  readonly name: string;
  readonly value: string;
}

const settings = JSON.parse(readFileSync(0, 'utf8')) as readonly Setting[];
for (const [index, { name, value }] of settings.entries()) {
  try {
    writeFileSync(sysctlPath(name), `${value}\n`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    process.stderr.write(`${name}: ${code ?? message} (setting ${index + 1})\n`);
    process.exit(1);
  }
}
