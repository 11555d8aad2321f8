import { describe, expect, test } from 'vitest';
import { parseIpSets } from '../host/ipsets.ts';
import { parseAddr } from '../net/addr.ts';
import { setHolds } from './ipset.ts';
import type { PacketView } from './packet-view.ts';

function addr(text: string) {
  const parsed = parseAddr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const saved = `create ip hash:ip family inet hashsize 1024 maxelem 65536 timeout 300 bucketsize 12 initval 0x1
add ip 172.17.0.2 timeout 290
add ip 10.0.0.1 timeout 0 comment "a \\"quoted\\" one"
create masked hash:ip family inet netmask 24
add masked 172.17.0.0
create net hash:net family inet hashsize 1024 maxelem 65536
add net 172.16.0.0/12
add net 172.17.0.0/24 nomatch
add net 172.17.0.2/32
add net 172.17.0.3
create port hash:ip,port family inet
add port 198.51.100.7,tcp:80
add port 198.51.100.7,udp:53
add port 172.17.0.1,icmp:8/0
create pair hash:ip,port,net family inet
add pair 172.17.0.2,tcp:80,198.51.100.0/24
create iface hash:net,iface family inet
add iface 172.17.0.0/16,docker0
add iface 10.0.0.0/8,eth wildcard
create mac hash:mac
add mac 02:42:AC:11:00:02
create mark hash:ip,mark family inet markmask 0x000000ff
add mark 172.17.0.2,0x00000007
create ports bitmap:port range 0-1024
add ports 80
create range bitmap:ip range 172.17.0.0-172.17.0.255
add range 172.17.0.2
create six hash:ip family inet6
add six fd00::1
create all list:set size 8
add all six
add all net
create odd hash:future family inet
add odd 1
create lost list:set size 8
add lost nowhere
`;

const { value: sets, problems } = parseIpSets(saved, 'ipset-save.txt');

const view = {
  family: 'ipv4',
  src: addr('172.17.0.2'),
  dst: addr('198.51.100.7'),
  protocol: 6,
  sport: 40_000,
  dport: 80,
  mark: 0x107,
  srcMac: '02:42:ac:11:00:02',
  inDev: 'docker0',
} as unknown as PacketView;

const asks = (name: string, dimensions: string, change: Partial<PacketView> = {}) =>
  setHolds(sets, name, dimensions, { ...view, ...change });

test('ipset save is read, and what is none of it is told', () => {
  expect(problems).toEqual([]);
  expect(sets.map(({ name }) => name)).toContain('pair');
  expect(parseIpSets('create a\nadd b 1\nnonsense "', 'f').problems.map(({ line }) => line)).toEqual([
    1, 2, 3,
  ]);
});

describe('sets of every kind', () => {
  const other = { src: addr('172.18.0.9') };
  test.each<[string, string, Partial<PacketView>, boolean]>([
    ['ip', 'src', {}, true],
    ['ip', 'dst', {}, false],
    ['masked', 'src', { src: addr('172.17.0.200') }, true],
    ['masked', 'src', { src: addr('172.17.1.1') }, false],
    // The narrowest network decides, also where it is an exception.
    ['net', 'src', other, true],
    ['net', 'src', { src: addr('172.17.0.9') }, false],
    ['net', 'src', {}, true],
    ['port', 'dst,dst', {}, true],
    ['port', 'dst,src', {}, false],
    ['port', 'dst,dst', { protocol: 17 }, false],
    ['port', 'dst,dst', { protocol: 17, dport: 53 }, true],
    [
      'port',
      'dst,dst',
      {
        protocol: 1,
        dst: addr('172.17.0.1'),
        icmp: { type: 8, code: 0 },
        sport: undefined,
        dport: undefined,
      },
      true,
    ],
    // A rule with fewer ends than the set has parts.
    ['port', 'dst', {}, false],
    ['pair', 'src,dst,dst', {}, true],
    ['pair', 'src,dst,src', {}, false],
    ['iface', 'src,src', {}, true],
    ['iface', 'src,dst', {}, false],
    ['iface', 'src,src', { src: addr('10.1.1.1'), inDev: 'eth1' }, true],
    ['iface', 'src,src', { src: addr('10.1.1.1') }, false],
    ['mac', 'src', {}, true],
    ['mac', 'dst', {}, false],
    ['mark', 'src,src', {}, true],
    ['mark', 'src,src', { mark: 8 }, false],
    ['ports', 'dst', {}, true],
    ['ports', 'src', {}, false],
    ['ports', 'dst', { dport: undefined }, false],
    ['range', 'src', {}, true],
    // Of the other family.
    ['six', 'src', {}, false],
    ['six', 'src', { family: 'ipv6', src: addr('fd00::1') }, true],
    ['all', 'src', {}, true],
    ['all', 'src', { src: addr('172.17.0.9') }, false],
  ])('%s %s %o', (name, dimensions, change, expected) => {
    expect(asks(name, dimensions, change)).toBe(expected);
  });

  test('--return-nomatch turns exceptions around', () => {
    const asked = { ...view, src: addr('172.17.0.9') };
    expect(setHolds(sets, 'net', 'src', asked, true)).toBe(true);
    expect(setHolds(sets, 'net', 'src', view, true)).toBe(false);
  });

  test('what is not known of a set', () => {
    expect(asks('nowhere', 'src')).toEqual({
      unknown: 'members of ipset nowhere',
      command: 'ipset list nowhere',
    });
    expect(asks('odd', 'src')).toHaveProperty('unknown');
    expect(asks('lost', 'src')).toHaveProperty('unknown');
  });

  test('a list of many addresses is looked up, not gone through', () => {
    const elements = Array.from({ length: 50_000 }, (_, i) => ({
      entry: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
      except: false,
      wildcard: false,
    }));
    const many = [{ name: 'many', type: 'hash:ip', options: new Map<string, string>(), elements }];
    const ask = () => setHolds(many, 'many', 'src', { ...view, src: addr('10.0.195.79') });
    expect(ask()).toBe(true);
    const start = performance.now();
    for (let i = 0; i < 1000; i++) ask();
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
