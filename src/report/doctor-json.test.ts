import { expect, test } from 'vitest';
import { diagnosed, lacking } from '../../test/support/diagnosed.ts';
import { healthy, incident, incidentFiles } from '../../test/support/incident.ts';
import { parseAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import { doctorJson } from './doctor-json.ts';
import { tally } from './tally.ts';

const far = parseAddr('198.51.100.7');

test('the incident, in the shape of the contract', () => {
  const json = JSON.parse(JSON.stringify(doctorJson(diagnosed(incident))));
  expect(json).toEqual({
    schema: 'bridgekeeper.doctor/1',
    healthy: false,
    asked: 9,
    failing: 2,
    unknown: 0,
    findings: [
      {
        cause: 'masquerade-disabled',
        severity: 'error',
        summary: expect.stringMatching(
          /as 172\.17\.0\.2.*daemon\.json, line 2.* -A POSTROUTING -s 172\.17\.0\.0\/16 ! -o docker0 -j MASQUERADE$/,
        ),
        flows: [
          { id: 2, from: 'web', kind: 'ping', dst: '198.51.100.7' },
          { id: 3, from: 'web', kind: 'tcp', dst: '198.51.100.7', port: 7777 },
        ],
        hop: 'nat/POSTROUTING',
        because: [
          {
            setting: 'ip-masq',
            value: false,
            origin: { kind: 'file', path: 'daemon.json', line: 2, column: 14 },
          },
        ],
        evidence: [{ file: 'daemon.json', line: 2, text: '"ip-masq": false' }],
        repair: [
          { kind: 'config', change: expect.stringContaining('"ip-masq": true'), transition: 'restart' },
          { kind: 'rule', change: expect.stringContaining('-j MASQUERADE') },
        ],
        proof: {
          before: 'timeout',
          after: 'ok',
          flows: [
            { id: 2, from: 'web', kind: 'ping', dst: '198.51.100.7', before: 'timeout', after: 'ok' },
            {
              id: 3,
              from: 'web',
              kind: 'tcp',
              dst: '198.51.100.7',
              port: 7777,
              before: 'timeout',
              after: 'ok',
            },
          ],
          newlyAllowed: [],
        },
      },
    ],
    unknowns: [],
    undecided: [],
  });
});

test('of given flows, the proof names those that heal, by their ids', () => {
  const flows: Flow[] = [
    { id: 'works', from: 'host', kind: 'ping', dst: far },
    { id: 'heals', from: 'web', kind: 'ping', dst: far },
    { id: 'never', from: 'web', kind: 'tcp', dst: far, port: 9 },
  ];
  const { findings } = doctorJson(diagnosed(incident, { flows }));
  expect(findings[0]?.proof.flows).toMatchObject([{ id: 'heals', before: 'timeout', after: 'ok' }]);
  expect(findings[0]?.flows).toMatchObject([{ id: 'heals' }]);
});

test('the price names flows without the numbers that only the panel has', () => {
  const save = incidentFiles(healthy).get('iptables-save.txt') ?? '';
  const files = { 'iptables-save.txt': save.replace('-A DOCKER-USER -j RETURN', '-A DOCKER-USER -j DROP') };
  const [finding] = doctorJson(diagnosed({ ...healthy, files })).findings;
  expect(finding?.proof.newlyAllowed).toEqual([
    { from: 'inet', kind: 'tcp', dst: '172.17.0.2', port: 80, direct: true },
  ]);
});

test('a healthy host', () => {
  expect(doctorJson(diagnosed(healthy))).toMatchObject({ healthy: true, asked: 9, failing: 0, findings: [] });
});

test('nothing is decided while a flow is unknown, or the facts lack what walks rest on', () => {
  const undecided = (...given: Parameters<typeof diagnosed>) => tally(diagnosed(...given)).undecided;
  expect(undecided(healthy)).toBe(false);
  expect(undecided(incident)).toBe(false);
  expect(undecided(healthy, { flows: [{ from: 'ghost', kind: 'ping', dst: far }] })).toBe(true);
  expect(undecided(healthy, { flows: [] })).toBe(true);
  // An error is an answer, whatever else is unknown.
  const both: Flow[] = [
    { from: 'ghost', kind: 'ping', dst: far },
    { from: 'web', kind: 'ping', dst: far },
  ];
  expect(undecided(incident, { flows: both })).toBe(false);
});

test.each([
  ['links', true],
  ['addresses', true],
  ['routes', true],
  ['firewall', true],
  ['neighbours', false],
  ['sockets', false],
] as const)('without the %s of the host in the facts: undecided %s', (part, undecided) => {
  const diagnosis = lacking(diagnosed(healthy), { part, family: 'ipv4', file: 'x.json' });
  expect(tally(diagnosis).undecided).toBe(undecided);
  const fact = `not in the facts: ${part} of host (x.json)`;
  expect(doctorJson(diagnosis).unknowns).toEqual(undecided ? [{ fact }] : []);
  // Of IPv6 nothing is walked yet.
  expect(tally(lacking(diagnosis, { part, family: 'ipv6', file: 'x.json' })).undecided).toBe(false);
});
