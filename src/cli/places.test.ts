import { expect, test } from 'vitest';
import { healthy, incidentFacts } from '../../test/support/incident.ts';
import type { HostState, Namespace } from '../host/state.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import { formatAddr } from '../net/addr.ts';
import { parsePrefix } from '../net/prefix.ts';
import { addressOf, namesOf } from './places.ts';

const { state } = hostStateFromFacts(incidentFacts(healthy));
const text = (from: string, to: string, of: HostState = state) => {
  const addr = addressOf(of, to, from);
  return addr === undefined ? undefined : formatAddr(addr);
};

test('the host, containers and the outside have names', () => {
  expect(namesOf(state)).toEqual(['host', 'web', 'inet']);
  const { outside: _, ...undescribed } = state;
  expect(namesOf(undescribed)).toEqual(['host', 'web', 'inet']);
});

test('a container means its address, an address itself', () => {
  expect(text('inet', 'web')).toBe('172.17.0.2');
  expect(text('web', '198.51.100.7')).toBe('198.51.100.7');
  expect(text('web', '2001:db8::1')).toBe('2001:db8::1');
  expect(text('web', 'host')).toBeUndefined();
  expect(text('web', 'nobody')).toBeUndefined();
  expect(text('web', '-x')).toBeUndefined();
});

test('of several addresses the one that the asker shares a subnet with', () => {
  const both = state.namespaces.map((n): Namespace => (n.name === 'web' ? withAddress(n, '10.9.0.2/24') : n));
  const far = { ...withAddress(both[1] as Namespace, '10.9.0.3/24'), name: 'far' };
  const apart = { ...far, links: far.links.map((l) => ({ ...l, addresses: l.addresses.slice(-1) })) };
  const wider = { ...state, namespaces: [...both, apart] };
  expect(text('host', 'web', wider)).toBe('172.17.0.2');
  expect(text('far', 'web', wider)).toBe('10.9.0.2');
});

function withAddress(ns: Namespace, address: string): Namespace {
  const prefix = parsePrefix(address);
  if (prefix === undefined) throw new Error(address);
  const links = ns.links.map((l) =>
    l.name === 'eth0' ? { ...l, addresses: [...l.addresses, { prefix, scope: 'global' as const }] } : l,
  );
  return { ...ns, links };
}
