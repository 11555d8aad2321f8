/** What the doctor says of native nftables that stops a flow: the cause, the edit, and that it heals. */
import { describe, expect, test } from 'vitest';
import { flow } from '../../test/fixtures/host.ts';
import { onHost, patientOf } from '../../test/fixtures/patient.ts';
import { parseNftJson } from '../firewall/nft/parse.ts';
import { applyChanges } from '../host/change.ts';
import { makeScene, walk } from '../packet/walk.ts';
import { ruleFaultCandidates } from './rule-faults.ts';

const drop = { drop: null };

/** Candidates for a ping to the outside on a host with one native base chain, each with the outcome after it. */
function candidates(table: string, chain: object, rules: readonly (readonly unknown[])[] = [], sub?: string) {
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
  const nft = parseNftJson({ nftables: listing }, 'nft-ruleset.json', () => false).ruleset;
  const patient = patientOf({ broken: (state) => onHost(state, (ns) => ({ ...ns, nft })) });
  const asked = flow('web ping 198.51.100.7');
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

  test('of a hook where no bridge can be named', () => {
    expect(candidates('myfw', { hook: 'prerouting' }, [[drop]]).found.map((c) => c.what)).toEqual(['remove']);
  });

  test('that only counts or jumps offers nothing, nor do the tables of the engine', () => {
    expect(candidates('myfw', { hook: 'forward' }, [[{ counter: null }]], 'sub').found).toEqual([]);
    expect(candidates('docker-bridges', { hook: 'forward' }, [[drop]]).found).toEqual([]);
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
