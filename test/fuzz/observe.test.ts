/**
 * What `observe` leaves out and abbreviates must make no difference to a walk: the same places, captured whole.
 */
import { describe, expect, test } from 'vitest';
import { captureFacts } from '../../src/bundle/capture.ts';
import type { HostState } from '../../src/host/state.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { formatAddr } from '../../src/net/addr.ts';
import { makeScene } from '../../src/packet/walk.ts';
import type { Node } from '../../src/packet/world.ts';
import type { HostCase } from './case.ts';
import { caseOf } from './generate.ts';
import { Watch } from './native.ts';
import { observe } from './observe.ts';
import { build, outsideOf, type Place } from './place.ts';

const possible = process.geteuid?.() === 0;

describe.skipIf(!possible)('the observed host is the captured one', () => {
  test.each([1, 2, 3])('case %i', { timeout: 60_000 }, async (number) => {
    const hostCase = caseOf(number);
    const place = await build(hostCase, new Watch());
    try {
      const observed = nodesOf(await observe(place, hostCase));
      const captured = nodesOf(await capture(place, hostCase));
      expect(observed.map(({ name }) => name)).toEqual(captured.map(({ name }) => name));
      for (const [index, node] of captured.entries()) {
        const other = observed[index];
        expect(other === undefined ? undefined : partsOf(other)).toEqual(partsOf(node));
        for (const [name, { value }] of node.facts.sysctls) {
          // A count of what the kernel says by itself, like those of rules.
          if (name === 'net.netfilter.nf_conntrack_count') continue;
          expect(`${name}=${other?.facts.sysctls.get(name)?.value}`).toBe(`${name}=${value}`);
        }
      }
    } finally {
      place.release();
    }
  });
});

async function capture(place: Place, hostCase: HostCase): Promise<HostState> {
  const facts = await captureFacts({
    netns: place.namespace('host').path,
    sandboxes: hostCase.containers.map(({ name }) => ({ name, netns: place.namespace(name).path })),
    engineFacts: new Map([['outside.json', Buffer.from(JSON.stringify(outsideOf(hostCase)))]]),
  });
  return hostStateFromFacts(facts).state;
}

function nodesOf(state: HostState): readonly Node[] {
  return makeScene(state).world.nodes;
}

/** All that a walk looks at, but settings. Who has a socket is told by name here, by program there. */
function partsOf({ name, rules, tables, firewall, facts }: Node): object {
  const { kind, links, neighbours, fdb, nft, unmodelledHooks, sockets = [], missing } = facts;
  const ends = sockets.map(
    ({ protocol, address, port, families }) =>
      `${protocol} ${address === undefined ? families.join() : formatAddr(address)} ${port}`,
  );
  // Of IPv6 the table `default`, which is always empty, has a rule only where rules are assumed.
  const asked = { ipv4: rules.ipv4, ipv6: rules.ipv6.filter(({ table }) => table !== 'default') };
  return {
    name,
    rules: asked,
    tables,
    firewall: withoutCounts(firewall),
    kind,
    links,
    neighbours,
    fdb,
    nft: withoutCounts(nft),
    unmodelledHooks,
    ends: ends.toSorted(),
    missing,
  };
}

/** Counters go on between two looks: the kernel speaks by itself. */
function withoutCounts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutCounts);
  if (value instanceof Map) return withoutCounts([...value]);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      key === 'packets' || key === 'bytes' ? [] : [[key, withoutCounts(inner)]],
    ),
  );
}
