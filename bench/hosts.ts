/**
 * How long the commands that look at a host take on a large one: 200 containers, 800 published ports, 10,000 rules, in each layout
 * of rules, whole or broken. In: bundles made by test/support/big-host.ts. Out: processor time of whole processes, medians.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BigFault, type BigHostSpec, bigHost } from '../test/support/big-host.ts';
import { program, wholeProcess } from './process.ts';

const rounds = 3;
const size = { containers: 200, ports: 4, rules: 10_000 } as const;

const layouts = [
  { engine: '20.10.24', backend: 'iptables-legacy' },
  { engine: '28.5.2', backend: 'iptables-nft' },
  { engine: '29.7.2', backend: 'iptables-nft' },
  { engine: '29.7.2', backend: 'nftables' },
] as const;

const faults: readonly BigFault[] = [
  'healthy',
  'masquerade-off',
  'nat-flushed',
  'drop',
  'forward-off',
  'veth-detached',
];

const others = [['drift'], ['rules'], ['trace', '--from', 'c0', '--to', '198.51.100.7']] as const;

const folder = mkdtempSync(join(tmpdir(), 'bridgekeeper-bench-'));

/** Writes a bundle; its path. */
function bundle(spec: BigHostSpec): string {
  const path = join(folder, Object.values(spec).join('-'));
  mkdirSync(path);
  for (const [name, bytes] of bigHost(spec).files) writeFileSync(join(path, name), bytes);
  return path;
}

const time = (args: readonly string[], path: string) =>
  wholeProcess(program, [...args, '--bundle', path], rounds).processor.toFixed(0);

console.log(`${size.containers} containers, ${size.rules} rules: whole process, processor time, ms`);
console.log(`${'doctor'.padEnd(34)}${faults.map((fault) => fault.padStart(16)).join('')}`);
try {
  const healthy: { readonly name: string; readonly path: string; readonly rules: boolean }[] = [];
  for (const layout of layouts) {
    for (const networks of [1, 8]) {
      const name = `${layout.engine} ${layout.backend}, ${networks} network${networks > 1 ? 's' : ''}`;
      const paths = faults.map((fault) => bundle({ ...layout, ...size, networks, fault }));
      console.log(`${name.padEnd(34)}${paths.map((path) => time(['doctor'], path).padStart(16)).join('')}`);
      const [path] = paths;
      if (path !== undefined) healthy.push({ name, path, rules: layout.backend !== 'nftables' });
    }
  }
  console.log(`\n${'others, healthy'.padEnd(34)}${others.map(([command]) => command.padStart(16)).join('')}`);
  for (const { name, path, rules } of healthy) {
    const columns = others.map((args) =>
      time(args[0] === 'rules' && !rules ? [...args, '--format', 'nft'] : args, path).padStart(16),
    );
    console.log(`${name.padEnd(34)}${columns.join('')}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
