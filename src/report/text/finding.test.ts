import { expect, test } from 'vitest';
import { diagnosisOf } from '../../../test/fixtures/patient.ts';
import { diagnosed } from '../../../test/support/diagnosed.ts';
import { healthy, type IncidentSpec, incident, incidentFiles } from '../../../test/support/incident.ts';
import type { Diagnosis, Finding } from '../../diagnosis/finding.ts';
import { storyOf } from '../story.ts';
import { english } from './en.ts';
import { findingText, summaryText } from './finding.ts';
import { plain } from './layout.ts';
import { chinese } from './zh.ts';

const save = incidentFiles(healthy).get('iptables-save.txt') ?? '';
const withRules = (text: string): IncidentSpec => ({ ...healthy, files: { 'iptables-save.txt': text } });

function firstOf(diagnosis: Diagnosis): Finding {
  const [finding] = diagnosis.findings;
  if (finding === undefined) throw new Error('no finding');
  return finding;
}

/** All lines under a label, also those of the rows that continue it. */
function linesOf(finding: Finding, diagnosis: Diagnosis, label: string): readonly string[] {
  const { rows } = findingText(finding, diagnosis, english);
  const start = rows.findIndex((row) => row.label === label);
  if (start < 0) return [];
  const end = rows.findIndex((row, i) => i > start && row.label !== '');
  return rows.slice(start, end < 0 ? rows.length : end).map((row) => row.text);
}

test('a rule that was taken away: the setting that asks for it, and not that its network exists', () => {
  const without = save.replace('-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n', '');
  const diagnosis = diagnosed(withRules(without));
  const finding = firstOf(diagnosis);
  expect(finding.cause).toBe('masquerade-rule-missing');
  expect(finding.because.map((b) => b.setting)).toContain('network');
  expect(linesOf(finding, diagnosis, 'because')).toEqual(['ip-masq = true  (default)']);
  expect(linesOf(finding, diagnosis, 'evidence')).toEqual([
    'planned  -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
  ]);
});

test('a whole firewall that was never made: only subnets are spoken of, not the rules of published ports', () => {
  const bare = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';
  const diagnosis = diagnosed({
    config: '{\n  "iptables": false\n}\n',
    masquerade: false,
    files: { 'iptables-save.txt': bare },
  });
  const finding = firstOf(diagnosis);
  expect(finding.cause).toBe('iptables-disabled');
  const story = storyOf(finding, diagnosis);
  expect(story.exit).toEqual({ dev: 'eth0', sources: ['172.17.0.2'] });
  expect(story.masquerade.subnets).toEqual(['172.17.0.0/16']);
});

test('a suspicion is not a failure', () => {
  const rule = '-A DOCKER-USER -m set --match-set blocked dst -j DROP\n-A DOCKER-USER -j RETURN';
  const diagnosis = diagnosed(withRules(save.replace('-A DOCKER-USER -j RETURN', rule)));
  const { head } = findingText(firstOf(diagnosis), diagnosis, english);
  expect(head).toMatch(/\(warning\): \d of 9 flows not decided$/);
});

test('a finding names the others that its flows need, and how many do', () => {
  const diagnosis = diagnosed(incident);
  const finding = firstOf(diagnosis);
  const all = { cause: 'bridge-down', flows: finding.flows.length } as const;
  const one = { cause: 'uplink-down', flows: 1 } as const;
  expect(linesOf({ ...finding, together: [all, one] }, diagnosis, 'together')).toEqual([
    'heals only together with the repair of bridge-down',
    '1 of these flows also needs the repair of uplink-down',
  ]);
  expect(linesOf(finding, diagnosis, 'together')).toEqual([]);
});

test('much of one kind is counted', () => {
  const diagnosis = diagnosed(incident);
  const finding = firstOf(diagnosis);
  const [flow] = finding.proof.flows;
  if (flow === undefined) throw new Error('nothing proved');
  const many: Finding = {
    ...finding,
    evidence: Array.from({ length: 5 }, (_, i) => ({ file: 'x.txt', line: i + 1, text: `line ${i + 1}` })),
    repairs: [{ kind: 'rule', change: Array.from({ length: 20 }, (_, i) => `iptables -N C${i}`).join('\n') }],
    proof: { flows: Array.from({ length: 7 }, () => flow), newlyAllowed: [] },
  };
  const texts = findingText(many, diagnosis, english).rows.map((row) => row.text);
  expect(texts).toEqual(
    expect.arrayContaining(['x.txt:3  line 3', 'and 2 more', 'iptables -N C11', 'and 8 more']),
  );
  expect(texts).not.toContain('x.txt:4  line 4');
  expect(texts).not.toContain('iptables -N C12');
  expect(texts).toContain('simulated with the repair: all 7 flows work');
});

test.each([
  [english, '; the same firewall stops more: -P INPUT DROP'],
  [chinese, '；同一防火墙还拦截了别的流量：-P INPUT DROP'],
])('what one firewall stops elsewhere is said with it', (words, said) => {
  const diagnosis = diagnosisOf({});
  const finding: Finding = {
    ...{ cause: 'foreign-rule-drops', severity: 'error', hop: 'filter/FORWARD' },
    params: {
      rule: '-A FORWARD -j DROP',
      table: 'filter',
      chain: 'FORWARD',
      position: '1',
      also: '-P INPUT DROP',
    },
    ...{ flows: [], because: [], evidence: [], repairs: [], changes: [] },
    proof: { flows: [], newlyAllowed: [] },
  };
  expect(plain(summaryText(finding, diagnosis, words))).toContain(said);
});
