/** UDP clients of a published port that are tracked without its NAT, beside clients that were never to have it. */
import { expect, test } from 'vitest';
import { bridge, caseOf } from '../../../test/fixtures/patient.ts';
import { staleConnections } from './conntrack.ts';

const untranslated =
  'ipv4 2 udp 17 25 src=203.0.113.9 dst=203.0.113.2 sport=4000 dport=5353 [UNREPLIED] ' +
  'src=203.0.113.2 dst=203.0.113.9 sport=5353 dport=4000 mark=0 zone=0 use=2\n';

function found(options: Readonly<Record<string, string>>): number {
  return staleConnections(
    caseOf({
      networks: [{ ...bridge, options: { ...bridge.options, ...options } }],
      containers: [{ name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['5353:53/udp'] }],
      files: { 'conntrack.txt': untranslated },
    }),
  ).length;
}

test('whoever asks where the port is published, and meets no NAT', () => {
  expect(found({})).toBe(1);
});

test('nobody asks there, where the network publishes on loopback', () => {
  expect(found({ 'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1' })).toBe(0);
});
