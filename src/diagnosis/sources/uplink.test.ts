/** Links to the outside that are down, bare or small: what brings them back, and what nobody can know. */
import { describe, expect, test } from 'vitest';
import { flow, type LinkSpec, prefix } from '../../../test/fixtures/host.ts';
import { type Case, diagnosisOf } from '../../../test/fixtures/patient.ts';
import type { OutsideFacts } from '../../host/state.ts';

const outside: OutsideFacts = {
  name: 'inet',
  links: [
    { name: 'up0', peer: 'eth0', addresses: [prefix('203.0.113.1/24')] },
    { name: 'lo', addresses: [prefix('127.0.0.1/8'), prefix('198.51.100.7/32')] },
  ],
  routes: [],
  listeners: [{ protocol: 'tcp', port: 443 }],
  forwards: false,
  notes: [],
};

function said(given: Case['host'], ...flows: readonly string[]) {
  const { findings } = diagnosisOf(
    { host: { ...given, state: { outside } } },
    { flows: flows.map((text) => flow(text)) },
  );
  return findings.map(({ cause, severity, repairs, proof }) => ({
    what: `${severity} ${cause}`,
    repairs: repairs.map(({ change }) => change),
    after: proof.flows.map(({ after }) => after),
  }));
}

const out = 'web ping 198.51.100.7';
const published = 'inet tcp 203.0.113.2:8080';

describe('an uplink without its address', () => {
  const bare: Case['host'] = { uplink: { addresses: [] }, host: { routes: [] } };

  test('gets back the one that is asked for from outside, and the way out by its neighbour', () => {
    expect(said(bare, out, published)).toEqual([
      {
        what: 'error uplink-down',
        repairs: [
          'ip address add 203.0.113.2/24 dev eth0\nip route replace default via 203.0.113.1 dev eth0',
        ],
        after: ['ok', 'ok'],
      },
    ]);
  });

  test.each<[string, readonly string[]]>([
    ['nobody asks from outside', [out, 'web ping 203.0.113.9']],
    ['two addresses are asked for', [out, published, 'inet tcp 203.0.113.3:8080']],
    ['it is the neighbour’s own', [out, 'inet tcp 203.0.113.1:8080']],
    ['it is of no subnet of the wire', [out, 'inet tcp 192.0.2.2:8080']],
  ])('is not guessed where %s', (_, flows) => {
    expect(said(bare, ...flows)).toEqual([
      {
        what: 'error uplink-down',
        repairs: [
          'give eth0 its address in 203.0.113.0/24 again, then: ip route replace default via 203.0.113.1 dev eth0',
        ],
        after: [],
      },
    ]);
  });
});

test('an uplink that is down goes up, with the default route that it lost', () => {
  const down = { uplink: { up: false, carrier: false }, host: { routes: [] } };
  expect(said(down, out)).toEqual([
    {
      what: 'error uplink-down',
      repairs: ['ip link set eth0 up\nip route replace default via 203.0.113.1 dev eth0'],
      after: ['ok'],
    },
  ]);
});

describe('an uplink that is smaller than the containers’ links', () => {
  const large = [{ ...flow(out), size: 1472, df: true }];
  const smaller =
    '"mtu": 1400 in daemon.json for the default network, com.docker.network.driver.mtu=1400 for others; then recreate the containers';
  const small = (uplink: Partial<LinkSpec>, flows = large) =>
    diagnosisOf({ host: { uplink, state: { outside } } }, { flows }).findings.map(
      ({ cause, severity, repairs, proof }) => [
        `${severity} ${cause}`,
        proof.flows.map(({ after }) => after),
        ...repairs.map(({ change }) => change),
      ],
    );

  test('an Ethernet may have its size back; else the containers get smaller links', () => {
    expect(small({ mtu: 1400 })).toEqual([
      ['warning uplink-mtu-smaller', ['ok'], 'ip link set eth0 mtu 1500', smaller],
    ]);
  });

  test('a tunnel has the size that it has', () => {
    expect(small({ mtu: 1400, kind: 'other' })).toEqual([['warning uplink-mtu-smaller', [], smaller]]);
  });

  test('the doctor asks for it itself', () => {
    const { findings, healthy } = diagnosisOf({ host: { uplink: { mtu: 1400 }, state: { outside } } });
    expect(findings.map((f) => [f.cause, f.flows.map((asked) => asked.size)])).toEqual([
      ['uplink-mtu-smaller', [1472, 1472]],
    ]);
    expect(healthy).toBe(true);
  });
});
