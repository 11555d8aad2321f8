/** What the doctor says when parts of the engine's native tables are gone: the cause, and that putting them back heals. */
import { describe, expect, test } from 'vitest';
import { flow } from '../../../test/fixtures/host.ts';
import { diagnosisOf, inputOf, onHost, patientOf } from '../../../test/fixtures/patient.ts';
import type { NftRule, NftRuleset, NftTable, SetElement } from '../../firewall/nft/model.ts';
import { printNft } from '../../firewall/nft/print.ts';
import { applyChanges } from '../../host/change.ts';
import type { HostState } from '../../host/state.ts';
import { makeScene, walk } from '../../packet/walk.ts';
import { nativePartCandidates } from './native-parts.ts';

const native = { engine: '29.7.2', config: '{"firewall-backend":"nftables"}' } as const;

function edited(edit: (nft: NftRuleset) => NftRuleset): (state: HostState) => HostState {
  return (state) => onHost(state, (ns) => (ns.nft === undefined ? ns : { ...ns, nft: edit(ns.nft) }));
}

/** Takes rules away by chain and text, and elements by set. */
function without(
  gone: (where: string, what: NftRule | SetElement) => boolean,
): (state: HostState) => HostState {
  const thinned = (table: NftTable): NftTable => ({
    ...table,
    chains: table.chains.map((c) => ({ ...c, rules: c.rules.filter((rule) => !gone(c.name, rule)) })),
    sets: table.sets.map((s) => ({ ...s, elements: s.elements.filter((e) => !gone(s.name, e)) })),
  });
  return edited((nft) => ({ ...nft, tables: nft.tables.map(thinned) }));
}

const all = edited((nft) => ({ ...nft, tables: [] }));
const flushed = without((_, what) => 'statements' in what);

describe('candidates', () => {
  test('none on a host that is as planned, nor where its tables are not known', () => {
    expect(nativePartCandidates(patientOf(native))).toEqual([]);
    const unknown = (state: HostState) => onHost(state, ({ nft: _, ...ns }) => ns);
    expect(nativePartCandidates(patientOf({ ...native, broken: unknown }))).toEqual([]);
    expect(nativePartCandidates(patientOf({}))).toEqual([]);
  });

  test.each([
    ['gone', all, 'nft-flush-ruleset'],
    ['flushed', flushed, 'rules-flushed'],
  ])('tables that are %s are put back whole, and the rules together', (_, broken, cause) => {
    const patient = patientOf({ ...native, broken });
    const found = nativePartCandidates(patient);
    expect(found.map((candidate) => candidate.cause)).toEqual([cause, cause, cause]);
    const healed = applyChanges(patient.state, found[2]?.changes ?? []);
    const host = healed.namespaces.find(({ kind }) => kind === 'host');
    expect(printNft(host?.nft?.tables ?? [])).toBe(printNft(patient.expected?.plan.nft.tables ?? []));
  });

  test.each([
    ['masquerade-rule-missing', 'nat-postrouting-out__docker0'],
    ['masquerade-rule-missing', 'nat-postrouting-out-jumps'],
    ['dnat-rule-missing', 'nat-prerouting-and-output'],
    ['nat-jump-missing', 'nat-PREROUTING'],
    ['filter-rule-missing', 'raw-PREROUTING'],
  ])('%s: what is gone of %s alone', (cause, place) => {
    const patient = patientOf({
      ...native,
      containers: [{ name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['8080:80/tcp'] }],
      broken: without((where) => where === place),
    });
    const found = nativePartCandidates(patient).filter(({ key }) => key.includes('ip docker-bridges'));
    expect(found.map((c) => [c.cause, c.cost, c.params.count])).toEqual([
      [cause, 2.5, '1'],
      [cause, 1, '1'],
    ]);
    const host = applyChanges(patient.state, found[1]?.changes ?? []).namespaces[0];
    const plan = patient.expected?.plan.nft.tables[0];
    expect(printNft(host?.nft?.tables.slice(0, 1) ?? [])).toBe(printNft(plan === undefined ? [] : [plan]));
  });
});

describe('the doctor', () => {
  test('names a masquerade rule that is gone, puts it in its place, and proves it', () => {
    const broken = without((where) => where === 'nat-postrouting-out__docker0');
    const [finding] = diagnosisOf({ ...native, broken }).findings;
    expect(finding?.cause).toBe('masquerade-rule-missing');
    expect(finding?.hop).toBe('ip docker-bridges nat-postrouting-out__docker0');
    expect(finding?.repairs).toEqual([
      {
        kind: 'rule',
        change:
          `nft add rule ip docker-bridges nat-postrouting-out__docker0 ` +
          `'oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade comment "MASQUERADE"'`,
      },
    ]);
  });

  test('names the accept of a published port above the drop that is left', () => {
    const broken = without(
      (_, what) => 'statements' in what && printed(what).includes('tcp dport 80 counter accept'),
    );
    const { state } = inputOf({ ...native, broken });
    const asked = flow('inet tcp 203.0.113.2:8080');
    expect(walk(makeScene(state), asked).outcome).toBe('timeout');
    const [finding] = diagnosisOf({ ...native, broken }, { flows: [asked] }).findings;
    expect(finding).toMatchObject({ cause: 'filter-rule-missing', proof: { flows: [{ after: 'ok' }] } });
  });

  test.each([
    ['masquerade-disabled', '"ip-masq":false', 'error'],
    ['icc-disabled', '"icc":false', 'info'],
    ['iptables-disabled', '"iptables":false', 'error'],
  ])('%s is a setting of daemon.json with native tables too', (cause, setting, severity) => {
    const config = `{"firewall-backend":"nftables",${setting}}`;
    const [finding] = diagnosisOf({ ...native, config }).findings;
    expect(finding).toMatchObject({ cause, severity });
  });
});

function printed(rule: NftRule): string {
  return printNft([{ family: 'ip', name: 't', chains: [{ name: 'c', rules: [rule] }], sets: [] }]);
}
