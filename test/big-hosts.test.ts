/** Hosts with many containers: the doctor finds with few questions what it finds on small hosts. */
import { describe, expect, test } from 'vitest';
import { diagnose } from '../src/diagnosis/diagnose.ts';
import { findDrift } from '../src/drift/drift.ts';
import { hostStateFromFacts } from '../src/host/state-from-facts.ts';
import { expectedFromFacts } from '../src/plan/expected.ts';
import { type BigFault, type BigHostSpec, bigHost } from './support/big-host.ts';

const layouts = [
  { engine: '20.10.24', backend: 'iptables-legacy', networks: 3 },
  { engine: '28.5.2', backend: 'iptables-nft', networks: 1 },
  { engine: '29.7.2', backend: 'nftables', networks: 3 },
] as const;

function look(spec: Partial<BigHostSpec> & (typeof layouts)[number], fault: BigFault) {
  const facts = bigHost({ containers: 40, ports: 2, rules: 600, ...spec, fault });
  const { state, problems } = hostStateFromFacts(facts);
  const expected = expectedFromFacts(facts, { state });
  if ('cannot' in expected) throw new Error(expected.cannot);
  return { state, problems, expected, diagnosis: diagnose({ state, expected, facts }) };
}

describe.each(layouts)('$engine, $backend, $networks networks', (layout) => {
  test('healthy, and the number of questions grows with the containers', () => {
    const { state, problems, expected, diagnosis } = look(layout, 'healthy');
    expect(problems).toEqual([]);
    expect(diagnosis.findings).toEqual([]);
    expect(diagnosis.asked.length).toBeLessThan(40 * 16);
    const kinds = new Set(findDrift({ state, expected }).differences.map(({ kind }) => kind));
    expect([...kinds]).toEqual(['foreign']);
  });

  test.each<[BigFault, readonly string[], number]>([
    ['drop', ['foreign-rule-drops', 'extra-base-chain-drops'], 26],
    ['forward-off', ['ip-forward-off'], 80],
    ['nat-flushed', ['rules-flushed', 'masquerade-rule-missing'], 80],
    ['veth-detached', ['veth-detached'], 5],
  ])('%s', (fault, causes, flows) => {
    const [first, ...others] = look(layout, fault).diagnosis.findings;
    expect(causes).toContain(first?.cause);
    expect(first?.flows.length).toBeGreaterThanOrEqual(flows);
    expect(first?.proof.flows.every(({ after }) => after === 'ok')).toBe(true);
    expect(others).toEqual([]);
  });
});

test('two faults of one container each, among many', () => {
  const spec = { ...layouts[1], networks: 1 } as const;
  const facts = bigHost({ ...spec, containers: 40, ports: 2, rules: 600, fault: 'veth-detached' });
  const { state } = hostStateFromFacts(facts);
  const namespaces = state.namespaces.map((ns) =>
    ns.name === 'c7' ? { ...ns, routes: ns.routes.filter((r) => r.dst.bits > 0) } : ns,
  );
  const broken = { ...state, namespaces };
  const expected = expectedFromFacts(facts, { state: broken });
  const found = diagnose({ state: broken, expected, facts }).findings;
  expect(found.map((f) => f.cause).toSorted()).toEqual(['container-route-wrong', 'veth-detached']);
});
