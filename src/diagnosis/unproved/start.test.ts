import { expect, test } from 'vitest';
import { caseOf } from '../../../test/fixtures/patient.ts';
import { refusedStart } from './start.ts';

function failure(lastLine: string, more: Readonly<Record<string, string>> = {}) {
  const log = `time="t" level=info msg="x"\n${lastLine}\n`;
  return refusedStart({ ...caseOf({ files: { 'dockerd.log': log, ...more } }), configuration: undefined })[0];
}

const network =
  'failed to start daemon: Error initializing network controller: error creating default "bridge" network:';

test.each([
  [
    "IPv4 forwarding is disabled: check your host's firewalling and set sysctl net.ipv4.ip_forward=1",
    'sysctl -w net.ipv4.ip_forward=1',
  ],
  [
    "IPv6 global forwarding is disabled: check your host's firewalling and set sysctls",
    'sysctl -w net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.forwarding=1',
  ],
])('%s: the nftables backend needs it', (words, command) => {
  expect(failure(`${network} ${words}`)).toMatchObject({
    cause: 'nftables-backend-needs-forwarding',
    repairs: [{ kind: 'command', change: command }],
    evidence: [{ file: 'dockerd.log', line: 2 }],
  });
});

test('other last words are quoted; a daemon that runs has none', () => {
  expect(failure(`${network} who knows`)).toMatchObject({ cause: 'engine-did-not-start', repairs: [] });
  expect(failure('x', { 'docker-network-inspect.json': '[]' })).toBeUndefined();
  expect(failure('time="t" level=info msg="y"')).toBeUndefined();
});

test.each([
  ['conflicts with network 1a2b (br0): networks have same bridge name', 'store-inconsistent'],
  ['bridge device with non default name br9 must be created manually', 'user-bridge-unready'],
  [
    'cannot restrict inter-container communication or run without the userland proxy: stat /proc/sys/net/bridge: no such file',
    'bridge-nf-off',
  ],
  [
    'iptables failed: Warning: Extension addrtype revision 0 not supported, missing kernel module?',
    'xtables-extension-missing',
  ],
  [
    'failed to add the host (veth1) <=> sandbox (veth2) pair interfaces: operation not supported',
    'kernel-modules-gone',
  ],
  ['operation not supported', 'driver-not-in-kernel'],
  ["# Table `filter' is incompatible, use 'nft' tool.", 'iptables-cannot-read-nft'],
])('%s', (words, cause) => {
  expect(failure(`${network} ${words}`)).toMatchObject({ cause, severity: 'error' });
});

test('a kernel whose modules are gone lacks nothing else', () => {
  const files = {
    'tools.txt': '/lib/modules: 6.1.0-20-amd64\n6.1.0-13-amd64\n',
    'modules.txt': 'veth 32768 0\n',
  };
  expect(failure(`${network} operation not supported`, files)).toMatchObject({
    cause: 'kernel-modules-gone',
  });
});

test.each([
  [
    "failed to start daemon: Error initializing network controller: ZONE_CONFLICT: 'docker0' already bound to a zone",
    'firewalld-zone-conflict',
  ],
  [
    'failed to start daemon: Error initializing network controller: list bridge addresses failed: PredefinedLocalScopeDefaultNetworks List: [172.17.0.0/16]: could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
    'address-pools-exhausted',
  ],
])('%s', (words, cause) => {
  expect(failure(words)).toMatchObject({
    cause,
    severity: 'error',
    evidence: [{ file: 'dockerd.log', line: 2 }],
  });
});
