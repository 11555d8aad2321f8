import { describe, expect, test } from 'vitest';
import { dockerHost, flow } from '../../test/fixtures/host.ts';
import { runOn } from '../../test/fixtures/patient.ts';
import type { StateChange } from '../host/change.ts';
import type { HostState } from '../host/state.ts';
import { unwatched } from '../net/progress.ts';
import { makeScene, walk } from '../packet/walk.ts';
import type { Candidate } from './candidate.ts';
import { deathStep } from './death.ts';
import { type SearchInput, searchRemedies } from './search.ts';

function candidate(key: string, cost: number, ...changes: StateChange[]): Candidate {
  return {
    key,
    cause: 'foreign-rule-drops',
    restriction: false,
    params: {},
    changes,
    cost,
    because: [],
    evidence: [],
    repairs: [],
  };
}

/** A change that runs iptables commands on the host of this state. */
function rules(state: HostState, ...lines: string[]): StateChange {
  const from = state.namespaces[0]?.firewall ?? { tables: [] };
  return { namespace: 'host', kind: 'ruleset', from, to: runOn(from, lines) };
}

function forwarding(value: string): StateChange {
  return { namespace: 'host', kind: 'sysctl', name: 'net.ipv4.ip_forward', value, before: undefined };
}

function broken(...lines: string[]): HostState {
  const plain = dockerHost();
  return {
    ...plain,
    namespaces: plain.namespaces.map((n, i) => (i === 0 ? { ...n, firewall: runOn(n.firewall, lines) } : n)),
  };
}

const asked = ['web ping 198.51.100.7', 'peer ping 198.51.100.7', 'web ping 172.17.0.1'];

function inputOf(state: HostState, candidates: readonly Candidate[], flows = asked): SearchInput {
  const scene = makeScene(state);
  const succeeds: SearchInput['succeeds'] = (t) => t.outcome === 'ok';
  const failing = flows.map((text) => walk(scene, flow(text))).filter((t) => !succeeds(t));
  const receiverOf = () => undefined;
  return {
    state,
    outsideRoutes: [],
    names: undefined,
    failing,
    candidates,
    succeeds,
    receiverOf,
    progress: unwatched,
  };
}

/** Key of the candidate of each remedy, with the number of flows that need it, and what they need as well. */
function found(input: SearchInput): string[] {
  return searchRemedies(input).remedies.map(({ candidate: { key }, heals, together }) =>
    [`${key} ${heals.size}`, ...together.map((p) => `${p.candidate.key} ${p.heals.size}`)].join(', with '),
  );
}

const dropAll = ['-I FORWARD -i docker0 -j DROP'];

describe('one change', () => {
  test('is found by trying: what heals nothing is no remedy', () => {
    const state = broken(...dropAll);
    const input = inputOf(state, [
      candidate('useless', 0.1, forwarding('1')),
      candidate('remove', 1, rules(state, '-D FORWARD -i docker0 -j DROP')),
    ]);
    expect(found(input)).toEqual(['remove 2']);
    expect(searchRemedies(input).unhealed).toEqual([]);
  });

  test('the cheaper of two that heal the same', () => {
    const state = broken(...dropAll);
    const remove = candidate('remove', 1, rules(state, '-D FORWARD -i docker0 -j DROP'));
    const flush = candidate('flush', 3, rules(state, '-F FORWARD', '-P FORWARD ACCEPT'));
    expect(found(inputOf(state, [flush, remove]))).toEqual(['remove 2']);
    expect(found(inputOf(state, [remove, flush]))).toEqual(['remove 2']);
  });

  test('one that heals both flows before one for each, at the same cost', () => {
    const state = broken('-I FORWARD -i docker0 -j DROP');
    const accept = (name: string, address: string) =>
      candidate(name, 1, rules(state, `-I FORWARD -s ${address} -j ACCEPT`));
    const input = inputOf(state, [
      accept('web', '172.17.0.2'),
      accept('peer', '172.17.0.3'),
      accept('both', '172.17.0.0/16'),
    ]);
    expect(found(input)).toEqual(['both 2']);
  });

  test('what the first remedy leaves is healed by others', () => {
    const state = broken(...dropAll, '-I INPUT -i docker0 -s 172.17.0.2 -j DROP');
    const input = inputOf(state, [
      candidate('input', 1, rules(state, '-D INPUT -i docker0 -s 172.17.0.2 -j DROP')),
      candidate('forward', 1, rules(state, '-D FORWARD -i docker0 -j DROP')),
    ]);
    expect(found(input)).toEqual(['forward 2', 'input 1']);
  });
});

describe('several changes', () => {
  const state = broken(
    '-I FORWARD -i docker0 -j DROP',
    '-t mangle -I FORWARD -i docker0 -j DROP',
    '-t raw -I PREROUTING -i docker0 -d 198.51.100.7 -j DROP',
  );
  const filter = candidate('filter', 1, rules(state, '-D FORWARD -i docker0 -j DROP'));
  const mangle = candidate('mangle', 1, rules(state, '-t mangle -D FORWARD -i docker0 -j DROP'));
  const raw = candidate('raw', 1, rules(state, '-t raw -D PREROUTING -i docker0 -d 198.51.100.7 -j DROP'));

  const onAnother = [
    'raw 2, with mangle 2, with filter 2',
    'mangle 2, with raw 2, with filter 2',
    'filter 2, with raw 2, with mangle 2',
  ];

  test('stand one behind the other: in the order in which the packet meets them', () => {
    expect(found(inputOf(state, [filter, mangle, raw]))).toEqual(onAnother);
  });

  test('what does not move the place of death is not part of it', () => {
    const useless = candidate('useless', 0.1, forwarding('1'));
    expect(found(inputOf(state, [useless, filter, mangle, raw]))).toEqual(onAnother);
  });

  test('a change that heals some by itself is found once, with those that need another too', () => {
    const two = broken('-I FORWARD -i docker0 -j DROP', '-t raw -I PREROUTING -s 172.17.0.2 -j DROP');
    const all = candidate('all', 1, rules(two, '-D FORWARD -i docker0 -j DROP'));
    const one = candidate('one', 2, rules(two, '-t raw -D PREROUTING -s 172.17.0.2 -j DROP'));
    const flows = ['web ping 198.51.100.7', 'peer ping 198.51.100.7'];
    expect(found(inputOf(two, [one, all], flows))).toEqual(['all 2, with one 1', 'one 1, with all 1']);
  });

  test('what a later choice makes needless is no part of it', () => {
    const two = broken('-I FORWARD -s 172.17.0.2 -j DROP', '-I FORWARD -s 172.17.0.3 -j DROP');
    const web = candidate('web', 1, rules(two, '-D FORWARD -s 172.17.0.2 -j DROP'));
    const both = candidate(
      'both',
      2.5,
      rules(two, '-D FORWARD -s 172.17.0.2 -j DROP', '-D FORWARD -s 172.17.0.3 -j DROP'),
    );
    expect(found(inputOf(two, [web, both]))).toEqual(['both 2']);
  });

  test('without one of them nothing is claimed', () => {
    const { remedies, unhealed } = searchRemedies(inputOf(state, [filter, raw]));
    expect(remedies).toEqual([]);
    expect(unhealed.map((t) => t.flow.from)).toEqual(['web', 'peer']);
  });

  test('no more than three: four behind each other are nobody’s single cause', () => {
    const four = broken(
      '-t raw -I PREROUTING -d 198.51.100.7 -j DROP',
      '-t mangle -I PREROUTING -d 198.51.100.7 -j DROP',
      '-t mangle -I FORWARD -j DROP',
      '-I FORWARD -j DROP',
    );
    const remove = (line: string) => candidate(line, 1, rules(four, line));
    const all = [
      '-t raw -D PREROUTING 1',
      '-t mangle -D PREROUTING 1',
      '-t mangle -D FORWARD 1',
      '-D FORWARD 1',
    ].map(remove);
    expect(found(inputOf(four, all, asked.slice(0, 1)))).toEqual([]);
  });

  test('a single change that heals is taken before two that do', () => {
    const bypass = candidate(
      'bypass',
      2.5,
      rules(state, '-F FORWARD', '-P FORWARD ACCEPT', '-t mangle -F FORWARD', '-t raw -F PREROUTING'),
    );
    expect(found(inputOf(state, [filter, mangle, raw, bypass]))).toEqual(['bypass 2']);
  });
});

test('nothing fails: nothing to do', () => {
  expect(searchRemedies(inputOf(dockerHost(), [candidate('any', 1, forwarding('0'))]))).toEqual({
    remedies: [],
    unhealed: [],
  });
});

test('success is the caller’s to judge', () => {
  const state = broken(...dropAll);
  const input = inputOf(state, [candidate('remove', 1, rules(state, '-D FORWARD -i docker0 -j DROP'))]);
  expect(searchRemedies({ ...input, succeeds: () => false }).remedies).toEqual([]);
});

describe('where a flow died', () => {
  const death = (state: HostState, text: string) => {
    const step = deathStep(walk(makeScene(state), flow(text)));
    return step === undefined ? undefined : `${step.namespace} ${step.step.where}`;
  };
  test('on its way there, on its way back, or not at all', () => {
    expect(death(broken(...dropAll), 'web ping 198.51.100.7')).toBe('host filter/FORWARD');
    expect(death(broken('-I FORWARD -i eth0 -j DROP'), 'web ping 198.51.100.7')).toBe('host filter/FORWARD');
    expect(death(broken('-t nat -F POSTROUTING'), 'web ping 198.51.100.7')).toBe('inet route');
    expect(death(dockerHost(), 'web ping 198.51.100.7')).toBeUndefined();
  });
});
