import { expect, test } from 'vitest';
import { addr } from '../../test/fixtures/host.ts';
import { parseResolvConf } from './resolv-conf.ts';

test('servers, and what is none', () => {
  const conf = parseResolvConf(
    '# nameserver 1.1.1.1\nnameserver 10.0.0.1\n nameserver  fd00::53\nnameserver zz\nsearch x\n',
  );
  expect(conf).toEqual({
    nameservers: [addr('10.0.0.1'), addr('fd00::53')],
    upstreams: undefined,
    ndotsSet: false,
  });
});

test.each([
  ['[host(10.0.0.53) 1.1.1.1]', [true, false]],
  ['[]', []],
])('the servers behind dockerd: %s', (text, fromHost) => {
  const { upstreams } = parseResolvConf(`nameserver 127.0.0.11\n# ExtServers: ${text}\n`);
  expect(upstreams?.map((upstream) => upstream.fromHost)).toEqual(fromHost);
});

test.each([
  ['options ndots:0', false],
  ['options edns0 ndots:2 ndots:0', true],
  ['options ndots:0\n# Option ndots from: internal', false],
  ['options ndots:0\n# Option ndots from: host', true],
  ['options edns0', false],
])('%j', (text, ndotsSet) => {
  expect(parseResolvConf(text).ndotsSet).toBe(ndotsSet);
});
