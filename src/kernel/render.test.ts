import { describe, expect, test } from 'vitest';
import { parseRuleArgs } from '../firewall/args.ts';
import type { Rule, Ruleset } from '../firewall/ruleset.ts';
import { ipv4 } from '../net/addr.ts';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import { type Change, firewallSteps, inOrder, reverse, type Step } from './change.ts';
import { render } from './render.ts';
import { committedBefore, restoreBlocks, restoreText } from './restore.ts';

const options = { userNamespace: false, sysctlWriter: ['writer'] };

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function rule(text: string): Rule {
  const parsed = parseRuleArgs(text.split(' '), 'ipv4');
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed;
}

function nat(rules: readonly string[]): Ruleset {
  return {
    tables: [
      {
        backend: 'iptables-nft',
        family: 'ipv4',
        name: 'nat',
        chains: [{ name: 'POSTROUTING', policy: 'ACCEPT', rules: rules.map(rule) }],
      },
    ],
  };
}

const shown = (change: Change) =>
  render(change, options).map(({ invocation }) => [invocation.argv.join(' '), invocation.stdin]);

describe('render', () => {
  test('neighbouring steps of one kind and place are one process', () => {
    const container = { netns: '/proc/7/ns/net' };
    const change: Change = {
      steps: [
        { kind: 'add-link', name: 'docker0', link: { type: 'bridge' } },
        { kind: 'add-address', dev: 'docker0', prefix: prefix('172.17.0.1/16') },
        { kind: 'sysctl', name: 'net.ipv4.ip_forward', value: '1' },
        { kind: 'set-link', name: 'docker0', set: { mtu: 1400, up: true } },
        {
          kind: 'add-link',
          name: 'veth0',
          link: { type: 'veth', peer: { name: 'eth0', mac: '02:42:ac:11:00:02', ...container } },
        },
        { kind: 'set-link', name: 'veth0', set: { master: 'docker0', up: true } },
        { kind: 'set-link', name: 'veth0', set: { port: { hairpin: true, state: 'forwarding' } } },
        { ...container, kind: 'set-link', name: 'eth0', set: { up: true } },
        {
          ...container,
          kind: 'add-route',
          route: { dst: { addr: ipv4(0), bits: 0 }, gateway: ipv4(0xac110001), dev: 'eth0' },
        },
      ],
    };
    expect(shown(change)).toEqual([
      [
        'ip -batch -',
        'link add name docker0 type bridge\naddress add 172.17.0.1/16 broadcast + dev docker0\n',
      ],
      ['writer', '[{"name":"net.ipv4.ip_forward","value":"1"}]\n'],
      [
        'ip -batch -',
        'link set dev docker0 mtu 1400 up\n' +
          'link add name veth0 type veth peer name eth0 address 02:42:ac:11:00:02 netns /proc/7/ns/net\n' +
          'link set dev veth0 master docker0 up\n' +
          'link set dev veth0 type bridge_slave state 3 hairpin on\n',
      ],
      [
        'nsenter --net=/proc/7/ns/net -- ip -batch -',
        'link set dev eth0 up\nroute add 0.0.0.0/0 via 172.17.0.1 dev eth0\n',
      ],
    ]);
  });

  test('rules are one restore per backend and family, and none when nothing differs', () => {
    const wanted = nat(['-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE']);
    expect(shown({ steps: firewallSteps(nat([]), wanted) })).toEqual([
      [
        'iptables-nft-restore --noflush -w',
        '*nat\n-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n',
      ],
    ]);
    expect(shown({ steps: firewallSteps(wanted, wanted) })).toEqual([]);
  });

  test('refuses names that would be more than one word of a batch line', () => {
    for (const name of ['a b', 'x\nlink delete dev eth0', '-force', '"', '#', ''])
      expect(() => shown({ steps: [{ kind: 'delete-link', name }] })).toThrow('not a name for ip(8)');
  });
});

describe('reverse', () => {
  test('takes back what can be taken back, last first', () => {
    const steps: readonly Step[] = [
      { kind: 'add-link', name: 'docker0', link: { type: 'bridge' } },
      { kind: 'sysctl', name: 'net.ipv4.ip_forward', value: '1', before: '0' },
      ...firewallSteps(nat([]), nat(['-j MASQUERADE'])),
      { kind: 'set-link', name: 'docker0', set: { up: true }, before: { up: false } },
      { kind: 'neighbour-retry', dev: 'docker0', milliseconds: 200 },
    ];
    expect(shown(reverse({ steps }))).toEqual([
      ['ip -batch -', 'link set dev docker0 down\n'],
      ['iptables-nft-restore --noflush -w', '*nat\n-D POSTROUTING -j MASQUERADE\nCOMMIT\n'],
      ['writer', '[{"name":"net.ipv4.ip_forward","value":"0"}]\n'],
      ['ip -batch -', 'link delete dev docker0\n'],
    ]);
  });

  test('twice is the change itself, where every step has a reverse', () => {
    const change = inOrder(
      { steps: [{ kind: 'add-address', dev: 'lo', prefix: prefix('198.51.100.7/32') }] },
      { steps: [{ kind: 'sysctl', name: 'net.ipv4.ip_forward', value: '1', before: '0' }] },
      { steps: firewallSteps(nat(['-j ACCEPT']), nat(['-j MASQUERADE'])) },
    );
    expect(reverse(reverse(change))).toEqual(change);
  });
});

describe('restoreBlocks', () => {
  const many = nat(Array.from({ length: 600 }, (_, i) => `-s 10.0.${i >> 8}.${i & 255}/32 -j ACCEPT`));

  test('splits a table only where a limit asks for it', () => {
    expect(restoreBlocks(nat([]), many).map((block) => block.commands.length)).toEqual([600]);
    expect(restoreBlocks(nat([]), many, 250).map((block) => block.commands.length)).toEqual([250, 250, 100]);
    expect(restoreText(restoreBlocks(nat([]), many, 250)).match(/^COMMIT$/gm)).toHaveLength(3);
  });

  test('knows what was committed before a line that failed', () => {
    const blocks = restoreBlocks(nat([]), many, 250);
    // Lines 1 to 252 are the first block: *nat, 250 commands, COMMIT.
    expect(committedBefore(blocks, 252)).toHaveLength(0);
    expect(committedBefore(blocks, 253)).toHaveLength(1);
    expect(committedBefore(blocks, 505)).toHaveLength(2);
  });
});
