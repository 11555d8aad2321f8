import { describe, expect, test } from 'vitest';
import { storeFile } from '../../test/fixtures/bolt.ts';
import { storeRecords } from '../bolt/docker-records.ts';
import { readBolt } from '../bolt/read.ts';
import { findingText, problemText, severityOf, summaryOf } from './store-text.ts';

function summary(key: string, value: unknown): string | undefined {
  const reading = readBolt(storeFile({ [key]: value }));
  const [record] = reading.kind === 'bolt' ? storeRecords(reading.file.root).records : [];
  return record && summaryOf(record);
}

test.each<[string, unknown, string]>([
  ['network/n1/', { name: 'bridge', networkType: 'bridge' }, 'bridge bridge'],
  [
    'endpoint/n1/e1/',
    { name: 'web', ep_iface: { addr: '172.17.0.2/16', addrv6: 'fd00::2/64' } },
    'web 172.17.0.2/16 fd00::2/64',
  ],
  ['endpoint_count/n1/', { Count: 2 }, '2'],
  ['endpoint_count/', undefined, ''],
  ['sandbox/s1/', { Cid: '0123456789abcdef' }, 'container 0123456789ab'],
  ['bridge/n1/', { BridgeName: 'docker0', AddressIPv4: '172.17.0.1/16' }, 'docker0 172.17.0.1/16'],
  ['bridge-endpoint/e1/', { Addr: '172.17.0.2/16' }, '172.17.0.2/16'],
  ['macvlan/network/n1/', { Parent: 'eth0.5' }, 'eth0.5'],
  ['network/n1/', '{', '(not JSON)'],
])('%s %j is summed up as %s', (key, value, words) => {
  expect(summary(key, value)).toBe(words);
});

test('a problem says where, a finding what it leads to', () => {
  expect(problemText({ kind: 'page', fault: 'other-page', page: 8, offset: 32768, from: 9 })).toBe(
    "page 8 (byte 32768), from page 9: carries another page's number",
  );
  expect(
    findingText({ kind: 'port-held-by-nobody', protocol: 'tcp', address: '::', port: 80, endpoint: 'e1' }),
  ).toBe('[::]:80/tcp is held for endpoint e1, behind which there is no container');
});

describe('what dockerd lives with is a warning', () => {
  test.each([
    [{ kind: 'leaked', pages: 1, first: 4 }, 'warning'],
    [{ kind: 'sandbox-refers-to-nothing', sandbox: 's', missing: 'endpoint', id: 'e' }, 'warning'],
    [{ kind: 'unreadable-record', key: 'k', fault: 'foreign-key' }, 'warning'],
    [{ kind: 'unreadable-record', key: 'k', fault: 'not-json' }, 'error'],
    [{ kind: 'foreign-bucket', path: 'b', entries: 1, alone: false }, 'warning'],
    [{ kind: 'foreign-bucket', path: 'b', entries: 1, alone: true }, 'error'],
    [{ kind: 'orphan-count', network: 'n' }, 'error'],
    [{ kind: 'meta', fault: 'checksum', page: 0, offset: 0 }, 'error'],
  ] as const)('%j: %s', (problem, severity) => {
    expect(severityOf(problem)).toBe(severity);
  });
});
