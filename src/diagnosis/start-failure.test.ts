import { expect, test } from 'vitest';
import type { Facts } from '../host/facts.ts';
import { startFailure } from './start-failure.ts';

function factsOf(files: Readonly<Record<string, string>>): Facts {
  const bytes = Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)] as const);
  return { files: new Map(bytes), origin: 'test' };
}

function failure(lastLine: string, more: Readonly<Record<string, string>> = {}) {
  const log = `time="t" level=info msg="x"\n${lastLine}\n`;
  return startFailure(factsOf({ 'dockerd.log': log, ...more }), undefined, () => undefined);
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
