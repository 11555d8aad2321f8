import { expect, test } from 'vitest';
import { caseOf, diagnosisOf } from '../../../test/fixtures/patient.ts';
import { networkdClaims, networkManagerClaims } from './link-managers.ts';

const dhcpForAll = { 'networkd/50-dhcp.network': '[Match]\nName=*\n\n[Network]\nDHCP=yes\n' };

test('a file of networkd that matches all links is a warning, with its line and what decides', () => {
  const { findings, healthy } = diagnosisOf({ files: dhcpForAll });
  expect(healthy).toBe(true);
  expect(findings).toMatchObject([
    {
      cause: 'networkd-manages-docker-links',
      severity: 'warning',
      params: { links: 'docker0, veth-web, veth-peer', entry: 'Name=*' },
      evidence: [{ file: 'networkd/50-dhcp.network', line: 2, text: 'Name=*' }],
      decide: 'networkctl list',
    },
  ]);
});

test.each([
  [{ 'networkd/10-eth.network': '[Match]\nName=eth0\n' }],
  [{ 'networkd/10-all.netdev': '[Match]\nName=*\n' }],
  [{}],
])('%j: networkd leaves them alone', (files) => {
  expect(networkdClaims(caseOf({ files }))).toEqual([]);
});

test('NetworkManager is told to manage all, unless a later file keeps it off', () => {
  const files = { 'NetworkManager.conf': '[keyfile]\nunmanaged-devices=none\n' };
  expect(networkManagerClaims(caseOf({ files }))).toMatchObject([
    {
      cause: 'networkmanager-manages-docker-links',
      evidence: [{ file: 'NetworkManager.conf', line: 2, text: 'unmanaged-devices=none' }],
    },
  ]);
  const kept =
    '[keyfile]\nunmanaged-devices+=interface-name:docker0;interface-name:br-*;interface-name:veth*\n';
  expect(
    networkManagerClaims(caseOf({ files: { ...files, 'NetworkManager.conf.d/docker.conf': kept } })),
  ).toEqual([]);
});
