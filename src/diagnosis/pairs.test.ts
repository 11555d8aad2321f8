import { describe, expect, test } from 'vitest';
import { addr, dockerHost, rulesetOf, table } from '../../test/fixtures/host.ts';
import { onHost } from '../../test/fixtures/patient.ts';
import { intentOf } from '../../test/support/plan.ts';
import type { HostState, Link } from '../host/state.ts';
import { type End, peersAmong } from './pairs.ts';

const names = ['one', 'two', 'three'] as const;
const { networks } = intentOf({
  networks: names.map((name, index) => ({ name, subnet: `10.${index}.0.0/16` })),
});

/** So many ends on each of the first networks, one container for each. */
function ends(...counts: readonly number[]): readonly End[] {
  return counts.flatMap((count, index) => {
    const network = networks[index];
    if (network === undefined) throw new Error('no such network');
    return Array.from({ length: count }, (_, i) => ({
      container: `${network.name}-${i}`,
      network,
      address: addr(`10.${index}.0.${i + 2}`),
    }));
  });
}

/** A container's link and its port of the bridge, for each end. */
function linked(all: readonly End[], change: (end: End) => Partial<Link>): HostState {
  const plain = dockerHost();
  const [host, container] = plain.namespaces;
  if (host === undefined || container === undefined) throw new Error('no host');
  const link = (index: number, more: Partial<Link>): Link => ({
    index,
    name: `veth${index}`,
    kind: 'veth',
    up: true,
    carrier: true,
    mtu: 1500,
    addresses: [],
    ...more,
  });
  return {
    ...plain,
    namespaces: [
      {
        ...host,
        links: [...host.links, ...all.map((end, i) => link(100 + i, { master: 'br', ...change(end) }))],
      },
      ...all.map((end, i) => ({
        ...container,
        name: end.container,
        links: [
          link(2, {
            addresses: [{ prefix: { addr: end.address, bits: 16 }, scope: 'global' }],
            peer: { index: 100 + i, namespace: host.name },
          }),
        ],
      })),
    ],
  };
}

const plain = dockerHost();
const asked = (all: readonly End[], state = plain) => {
  const peers = peersAmong(all, state);
  const text = (side: 'near' | 'far') =>
    all.flatMap((end) => peers[side](end).map((other) => `${end.container} ${other.container}`));
  return { near: text('near'), far: text('far') };
};

describe('few containers', () => {
  test('everybody asks everybody, near and far, in their order', () => {
    const { near, far } = asked(ends(2, 1));
    expect(near).toEqual(['one-0 one-1', 'one-1 one-0']);
    expect(far).toEqual(['one-0 two-0', 'one-1 two-0', 'two-0 one-0', 'two-0 one-1']);
  });

  test('a container on two networks does not ask itself', () => {
    const [here, there] = ends(1, 1);
    if (here === undefined || there === undefined) throw new Error('no ends');
    expect(asked([here, { ...there, container: here.container }])).toEqual({ near: [], far: [] });
  });
});

describe('many containers', () => {
  const many = ends(200, 200, 3);

  test('each asks and is asked, on its network and across; questions grow with them', () => {
    const { near, far } = asked(many);
    for (const pairs of [near, far]) {
      expect(pairs.length).toBeLessThan(2 * many.length);
      for (const { container } of many) {
        expect(pairs.some((pair) => pair.startsWith(`${container} `))).toBe(true);
        expect(pairs.some((pair) => pair.endsWith(` ${container}`))).toBe(true);
      }
    }
  });

  test('of every two networks each is asked from the other', () => {
    const crossed = new Set(asked(many).far.map((pair) => pair.replaceAll(/-[0-9]+/g, '')));
    const all = names.flatMap((a) => names.flatMap((b) => (a === b ? [] : [`${a} ${b}`])));
    expect([...crossed].toSorted()).toEqual(all.toSorted());
  });

  test('ports of two sorts: a pair of each two sorts, be they far from each other', () => {
    const isolated = (end: End) => end.container === 'one-20' || end.container === 'one-77';
    const port = {
      state: 'forwarding',
      hairpin: false,
      learning: true,
      flood: true,
      broadcastFlood: true,
    } as const;
    const state = linked(many, (end) => ({ port: { ...port, isolated: isolated(end) } }));
    expect(asked(many, state).near).toEqual(
      expect.arrayContaining(['one-20 one-77', 'one-20 one-0', 'one-0 one-20']),
    );
  });

  test('who is named together by a rule is asked', () => {
    const rules = table('filter', '-A FORWARD -s 10.0.0.30/32 -d 10.0.0.90/32 -j DROP');
    const state = onHost(plain, (ns) => ({ ...ns, firewall: rulesetOf(rules) }));
    expect(asked(many, state).near).toContain('one-28 one-88');
    expect(asked(many).near).not.toContain('one-28 one-88');
  });
});
