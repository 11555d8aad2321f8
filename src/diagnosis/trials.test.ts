import { expect, test } from 'vitest';
import { addr, dockerHost, flow } from '../../test/fixtures/host.ts';
import type { StateChange } from '../host/change.ts';
import type { Step, Trace } from '../packet/trace.ts';
import type { Candidate } from './candidate.ts';
import { Trials } from './trials.ts';

const state = dockerHost();

function candidate(key: string, ...changes: readonly StateChange[]): Candidate {
  return {
    key,
    cause: 'hairpin-off',
    restriction: false,
    params: {},
    changes,
    cost: 1,
    because: [],
    evidence: [],
    repairs: [],
  };
}

const everywhere = candidate('everywhere', {
  namespace: 'host',
  kind: 'sysctl',
  name: 'net.ipv4.ip_forward',
  value: '1',
  before: '0',
});
const within = (dev: string) =>
  candidate(dev, { namespace: 'host', kind: 'port-flags', dev, flags: { hairpin: true } });

function died(text: string, namespace: string, where: string, why: string): Trace {
  const drop: Step = { kind: 'drop', where, why };
  const hops = [{ namespace, steps: [drop] }];
  return { flow: flow(text), outcome: 'timeout', hops, reply: [], unknowns: [], assumed: [] };
}

function trialsOf(failing: readonly Trace[], candidates: readonly Candidate[]) {
  const trials = new Trials({ state, failing, candidates, receiverOf: () => undefined });
  const all = new Map(failing.entries());
  return { trials, first: () => trials.first([...all.keys()], all), open: [...all.keys()] };
}

const many = Array.from({ length: 1000 }, (_, i) =>
  died(`c${i} ping 198.51.100.7`, 'host', 'eth0', `no neighbour 10.0.0.${i % 256}`),
);

test('few flows: everything is tried on everything', () => {
  const { trials, first, open } = trialsOf(many.slice(0, 20), [everywhere]);
  expect(first()).toEqual(open);
  expect(trials.next(open)).toEqual([]);
  expect(trials.concernedBy(within('veth-web'), open)).toEqual(open);
});

test('many that die alike: a few of them, spread; then others; then none', () => {
  const { trials, first, open } = trialsOf(many, [everywhere, within('veth-web'), within('veth-peer')]);
  const tried = first();
  expect(tried.length).toBeLessThan(10);
  expect(Math.max(...tried)).toBeGreaterThan(500);
  const later: number[] = [];
  for (let more = trials.next(open); more.length > 0; more = trials.next(open)) later.push(...more);
  expect(later.length).toBeGreaterThan(tried.length);
  expect(new Set([...tried, ...later]).size).toBe(tried.length + later.length);
  expect(later.length).toBeLessThan(50);
});

test('each way to die is tried, be it of one flow', () => {
  const odd = died('web ping 198.51.100.7', 'host', 'filter/FORWARD', 'DROP');
  const failing = [...many.slice(0, 700), odd, ...many.slice(700)];
  expect(trialsOf(failing, [everywhere, everywhere, everywhere]).first()).toContain(700);
});

test('a change at a container’s port is tried on what that container sends and is asked, and what was seen in it', () => {
  const own = [
    died('web ping 198.51.100.7', 'web', 'eth0', 'link is down'),
    died('peer ping 172.17.0.2', 'peer', 'eth0', 'no neighbour'),
    died('c1 ping 198.51.100.7', 'web', 'eth0', 'forwarding off'),
  ];
  const candidates = [everywhere, within('veth-web'), within('veth-peer')];
  const failing = [...own, ...many];
  const { trials, open } = trialsOf(failing, candidates);
  expect(trials.concernedBy(within('veth-web'), open)).toEqual([0, 1, 2]);
  expect(trials.concernedBy(within('veth-peer'), open)).toEqual([1]);
  expect(trials.concernedBy(everywhere, open)).toEqual(open);
  expect(failing[1]?.flow.dst).toEqual(addr('172.17.0.2'));
});

test('what heals some is tried on the rest', () => {
  const { trials, first, open } = trialsOf(many, [everywhere, everywhere, everywhere]);
  const tried = first();
  expect(trials.rest(everywhere, open, tried)).toHaveLength(many.length - tried.length);
});

test('flows that die alike are given up together, after a few', () => {
  const { trials, first, open } = trialsOf(many, [everywhere, everywhere, everywhere]);
  first();
  const given = open.filter((index) => {
    if (trials.isHopeless(index)) return false;
    trials.giveUp(index);
    return true;
  });
  expect(given.length).toBeGreaterThan(1);
  expect(given.length).toBeLessThan(10);
});
