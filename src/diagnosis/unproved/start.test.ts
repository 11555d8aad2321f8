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
