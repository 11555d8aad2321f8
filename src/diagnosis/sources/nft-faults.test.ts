/** What the doctor says of native nftables that stops a flow: the cause, the edit, and that it heals. */
import { describe, expect, test } from 'vitest';
import { flow } from '../../../test/fixtures/host.ts';
import { type Case, onHost, patientOf } from '../../../test/fixtures/patient.ts';
import { drop as dropped, rule } from '../../firewall/nft/build.ts';
import { applyNftEdit } from '../../firewall/nft/edit.ts';
import { parseNftJson } from '../../firewall/nft/parse.ts';
import { applyChanges } from '../../host/change.ts';
import type { HostState } from '../../host/state.ts';
import { makeScene, walk } from '../../packet/walk.ts';
import { ruleFaultCandidates } from './rule-faults.ts';

const drop = { drop: null };

/** Candidates for a ping to the outside on a host with one native base chain, each with the outcome after it. */
function candidates(
  table: string,
  chain: object,
  rules: readonly (readonly unknown[])[] = [],
  sub?: string,
  question = 'web ping 198.51.100.7',
) {
  const at = { family: 'inet', table };
  const listing = [
    { table: { family: 'inet', name: table, handle: 1 } },
    { chain: { ...at, name: 'base', handle: 1, type: 'filter', prio: 0, policy: 'accept', ...chain } },
    ...(sub === undefined ? [] : [{ chain: { ...at, name: sub, handle: 2 } }]),
    ...rules.map((expr, i) => ({ rule: { ...at, chain: sub ?? 'base', handle: i + 5, expr } })),
    ...(sub === undefined
      ? []
      : [{ rule: { ...at, chain: 'base', handle: 3, expr: [{ jump: { target: sub } }] } }]),
  ];
  return candidatesIn(listing, question);
}

function candidatesIn(listing: readonly object[], question = 'web ping 198.51.100.7') {
  const nft = parseNftJson({ nftables: listing }, 'nft-ruleset.json', () => false).ruleset;
  const patient = patientOf({ broken: (state) => onHost(state, (ns) => ({ ...ns, nft })) });
  const asked = flow(question);
  const before = walk(makeScene(patient.state), asked);
  const found = ruleFaultCandidates(patient, [before]).map((c) => ({
    cause: c.cause,
    what: c.key.split(' ')[0],
    repairs: c.repairs.map((r) => r.change),
    after: walk(makeScene(applyChanges(patient.state, c.changes)), asked).outcome,
  }));
  return { before: before.outcome, found };
}

describe('a foreign base chain', () => {
  const cause = 'extra-base-chain-drops';
  test('with a policy that drops: its bridges pass, or the policy accepts', () => {
    const { before, found } = candidates('myfw', { hook: 'forward', policy: 'drop' });
    expect(before).toBe('timeout');
    expect(found).toEqual([
      { cause, what: 'pass', repairs: [], after: 'ok' },
      { cause, what: 'policy', repairs: [], after: 'ok' },
    ]);
  });

  test('with a rule that drops, also in a chain of its own', () => {
    for (const sub of [undefined, 'sub']) {
      expect(candidates('myfw', { hook: 'forward' }, [[drop]], sub).found).toEqual([
        { cause, what: 'pass', repairs: [], after: 'ok' },
        { cause, what: 'remove', repairs: [], after: 'ok' },
      ]);
    }
  });

  test('that leads to the drop by a map of devices', () => {
    const map = {
      vmap: { key: { meta: { key: 'iifname' } }, data: { set: [['docker0', { jump: { target: 'sub' } }]] } },
    };
    const listing = [
      { chain: { family: 'inet', table: 'myfw', name: 'sub' } },
      {
        chain: {
          family: 'inet',
          table: 'myfw',
          name: 'base',
          type: 'filter',
          hook: 'forward',
          prio: 0,
          policy: 'accept',
        },
      },
      { rule: { family: 'inet', table: 'myfw', chain: 'sub', handle: 5, expr: [drop] } },
      { rule: { family: 'inet', table: 'myfw', chain: 'base', handle: 6, expr: [map] } },
    ];
    expect(candidatesIn(listing).found.map((c) => c.what)).toContain('pass');
  });

  test('of a hook where no bridge can be named', () => {
    expect(candidates('myfw', { hook: 'prerouting' }, [[drop]]).found.map((c) => c.what)).toEqual(['remove']);
  });

  test('that only counts or jumps offers nothing', () => {
    expect(candidates('myfw', { hook: 'forward' }, [[{ counter: null }]], 'sub').found).toEqual([]);
  });
});

test('firewalld has a cause of its own, and a zone as its repair', () => {
  const [first] = candidates('firewalld', { hook: 'forward' }, [[{ reject: null }]]).found;
  expect(first).toMatchObject({ cause: 'firewalld-rejects-forward', after: 'ok' });
  expect(first?.repairs.join()).toMatch(
    /^firewall-cmd --zone=trusted --change-interface=docker0\nfirewall-cmd --permanent/,
  );
  const [input] = candidates('firewalld', { hook: 'prerouting' }, [[drop]]).found;
  expect(input?.cause).toBe('firewalld-rejects-forward');
});

test('a service of the host, by the device that it is asked by: a port of that zone, where firewalld decides', () => {
  for (const [table, repairs] of [
    ['myfw', []],
    [
      'firewalld',
      [
        'firewall-cmd --zone=public --add-port=22/tcp\nfirewall-cmd --permanent --zone=public --add-port=22/tcp',
      ],
    ],
  ] as const) {
    const [first] = candidates(
      table,
      { hook: 'input' },
      [[{ reject: null }]],
      'filter_IN_public',
      'inet tcp 203.0.113.2:22',
    ).found;
    expect(first).toMatchObject({ what: 'pass', repairs, after: 'ok' });
  }
});

describe("the engine's own table", () => {
  const config = '{"firewall-backend":"nftables","icc":false}';
  const found = (broken?: Case['broken']) => {
    const patient = patientOf({ engine: '29.7.2', config, ...(broken === undefined ? {} : { broken }) });
    const trace = walk(makeScene(patient.state), flow('web ping 172.17.0.3'));
    expect(trace.outcome).toBe('timeout');
    return {
      planned: ruleFaultCandidates(patient, [trace]).map((c) => c.key.split(' ')[0]),
      unknown: ruleFaultCandidates({ ...patient, expected: undefined }, [trace]),
    };
  };

  test('offers nothing for what the plan contains', () => {
    expect(found()).toEqual({ planned: [], unknown: [] });
  });

  test('offers to take away what somebody put there, where the plan tells', () => {
    const foreign = (state: HostState) =>
      onHost(state, (ns) => {
        const table = ns.nft?.tables[0];
        if (ns.nft === undefined || table === undefined) throw new Error('no native table');
        const edit = {
          kind: 'insert-rule',
          table,
          chain: 'filter-forward-in__docker0',
          rule: rule(undefined, dropped),
        } as const;
        return { ...ns, nft: applyNftEdit(ns.nft, edit) };
      });
    expect(found(foreign)).toEqual({ planned: ['remove'], unknown: [] });
  });
});
