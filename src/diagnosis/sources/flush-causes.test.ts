/** Who took Docker's rules away, by what is left and what logs and files say; each beside a neighbour for which nothing tells. */
import { describe, expect, test } from 'vitest';
import {
  bridge,
  type Case,
  diagnosisOf,
  flushed,
  onHost,
  patientOf,
} from '../../../test/fixtures/patient.ts';
import { emptyNftRuleset } from '../../firewall/nft/model.ts';
import type { HostState } from '../../host/state.ts';
import { planPartCandidates } from './plan-parts.ts';

const causesOf = (given: Case) => new Set(diagnosisOf(given).findings.map(({ cause }) => cause));

/** Tables of iptables that are not there any more. */
const deleted = (state: HostState) => onHost(state, (ns) => ({ ...ns, firewall: { tables: [] } }));

describe('tables that are gone', () => {
  test('nft took them: iptables never deletes a table', () => {
    const [finding] = diagnosisOf({ broken: deleted }).findings;
    expect(finding).toMatchObject({
      cause: 'nft-flush-ruleset',
      severity: 'error',
      params: { tables: expect.stringContaining('ip filter, ip nat') },
    });
  });

  test('the file that does it is evidence, with its line', () => {
    const files = { 'nftables.conf': '#!/usr/sbin/nft -f\n\nflush ruleset\n' };
    const [finding] = diagnosisOf({ broken: deleted, files }).findings;
    expect(finding?.evidence[0]).toEqual({ file: 'nftables.conf', line: 3, text: 'flush ruleset' });
  });

  test('tables that are there and empty were flushed by iptables', () => {
    expect(causesOf({ broken: (state) => flushed('nat')(flushed('filter')(state)) })).toEqual(
      new Set(['rules-flushed']),
    );
  });
});

describe('firewalld', () => {
  const runs = (state: HostState) =>
    onHost(state, (ns) => ({
      ...ns,
      nft: { ...emptyNftRuleset, tables: [{ family: 'inet', name: 'firewalld', chains: [], sets: [] }] },
    }));
  const nat = (state: HostState) => runs(flushed('nat')(state));
  const log = 'time="2026-01-02T03:04:05Z" level=error msg="Failed to restore rules on firewalld reload"';

  test('it reloaded, as the log says', () => {
    const [finding] = diagnosisOf({ broken: nat, files: { 'dockerd.log': `x\n${log}\n` } }).findings;
    expect(finding).toMatchObject({ cause: 'firewalld-reload-wiped-rules', severity: 'error' });
    expect(finding?.evidence[0]).toMatchObject({ file: 'dockerd.log', line: 2 });
  });

  test('it runs, and the chains are gone too', () => {
    const chainsGone = (state: HostState) =>
      onHost(nat(state), (ns) => ({
        ...ns,
        firewall: {
          tables: ns.firewall.tables.map((t) =>
            t.name === 'nat' ? { ...t, chains: t.chains.filter(({ policy }) => policy !== undefined) } : t,
          ),
        },
      }));
    expect(causesOf({ broken: chainsGone })).toContain('firewalld-reload-wiped-rules');
  });

  test('it runs, and somebody flushed rules alone; or it does not run', () => {
    expect(causesOf({ broken: nat })).toContain('rules-flushed');
    expect(causesOf({ broken: flushed('nat'), files: { 'dockerd.log': `${log}\n` } })).toContain(
      'rules-flushed',
    );
  });
});

describe('an engine that overwrites its own rules', () => {
  const two = {
    networks: [bridge, { name: 'net1', subnet: '172.18.0.0/16' }],
    containers: [{ name: 'web', on: { bridge: '172.17.0.2/16' } }],
  };
  const without = (bridges: readonly string[]) => (state: HostState) =>
    onHost(state, (ns) => ({
      ...ns,
      firewall: {
        tables: ns.firewall.tables.map((t) => ({
          ...t,
          chains: t.chains.map((c) => ({
            ...c,
            rules: c.rules.filter(
              ({ inInterface, outInterface }) =>
                t.name !== 'filter' ||
                !c.name.startsWith('DOCKER-') ||
                !bridges.some((name) => inInterface?.value === name || outInterface?.value === name),
            ),
          })),
        })),
      },
    }));
  const offered = (engine: '28.0.4' | '28.5.2', bridges: readonly string[]) =>
    new Set(
      planPartCandidates(patientOf({ ...two, engine, broken: without(bridges) })).map(({ cause }) => cause),
    );

  test('28.0 lost the rules of one network of two', () => {
    expect(offered('28.0.4', ['docker0'])).toEqual(new Set(['engine-bug-overwrote-rules']));
  });

  test('all networks lost them, or it is another engine: rules are missing', () => {
    expect(offered('28.0.4', ['docker0', 'br-net1'])).not.toContain('engine-bug-overwrote-rules');
    expect(offered('28.5.2', ['docker0'])).toEqual(new Set(['filter-rule-missing']));
  });
});
