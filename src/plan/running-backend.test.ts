import { expect, test } from 'vitest';
import { emptyNftRuleset, type NftRuleset } from '../firewall/nft/model.ts';
import type { Facts } from '../host/facts.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import type { KnownEngine } from './engine-version.ts';
import { runningBackend } from './running-backend.ts';

const table = { family: 'ip', name: 'docker-bridges', chains: [], sets: [] } as const;

function running(info: string | undefined, engine: KnownEngine, nft: NftRuleset = emptyNftRuleset) {
  const files = info === undefined ? [] : [['docker-info.json', new TextEncoder().encode(info)] as const];
  const facts: Facts = { files: new Map(files), origin: 'test' };
  const [host] = hostStateFromFacts(facts).state.namespaces;
  if (host === undefined) throw new Error('no host');
  return runningBackend(facts, engine, { ...host, nft });
}

const info = (driver: string) => `{\n "FirewallBackend": {\n  "Driver": "${driver}"\n }\n}`;
const told = { version: '29.7.2', by: 'version-file' } as const;

test('is what docker info says, with its place', () => {
  expect(running(info('nftables+firewalld'), told)).toEqual({
    value: 'nftables',
    origin: { kind: 'file', path: 'docker-info.json', line: 2, column: 1 },
  });
  expect(running(info('iptables'), told)?.value).toBe('iptables');
});

test('is nobody’s of an engine before 29, of one that was asked for, and without facts', () => {
  expect(running(info('nftables'), { ...told, version: '28.5.2' })).toBeUndefined();
  expect(running(info('nftables'), { ...told, by: 'given' })).toBeUndefined();
  expect(running('{}', told)).toBeUndefined();
  expect(running(undefined, told, { tables: [table], twins: [] })).toBeUndefined();
});

test('shows in native tables where only rules tell of the engine', () => {
  const recognised = { version: '29.7.2', by: 'recognised' } as const;
  expect(running(undefined, recognised, { tables: [table], twins: [] })?.value).toBe('nftables');
  expect(running(undefined, recognised)).toBeUndefined();
});
