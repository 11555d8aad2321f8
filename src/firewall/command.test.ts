import { describe, expect, test } from 'vitest';
import { formatRule } from './args.ts';
import { parseCommand } from './command.ts';

const defaults = { backend: 'iptables-nft', family: 'ipv4' } as const;

function parse(text: string) {
  const parsed = parseCommand(text.split(' '), defaults);
  if ('error' in parsed) return parsed.error;
  const { command, table } = parsed;
  return { table, ...command, ...('rule' in command ? { rule: formatRule(command.rule) } : {}) };
}

describe('command lines', () => {
  test.each([
    [
      '--wait -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
      {
        table: 'nat',
        op: 'append',
        chain: 'POSTROUTING',
        rule: '-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
      },
    ],
    ['-I FORWARD -j a', { table: 'filter', op: 'insert', chain: 'FORWARD', at: 1, rule: '-j a' }],
    ['-I FORWARD 3 -j a', { table: 'filter', op: 'insert', chain: 'FORWARD', at: 3, rule: '-j a' }],
    ['-D FORWARD ! -i eth0', { table: 'filter', op: 'delete', chain: 'FORWARD', rule: '! -i eth0' }],
    ['-D FORWARD 2', { table: 'filter', op: 'delete-at', chain: 'FORWARD', at: 2 }],
    ['-C a -j b -t mangle', { table: 'mangle', op: 'check', chain: 'a', rule: '-j b' }],
    ['-w 5 -N x', { table: 'filter', op: 'new-chain', chain: 'x' }],
    ['-w10 -N x', { table: 'filter', op: 'new-chain', chain: 'x' }],
    ['-w -W 100 -F', { table: 'filter', op: 'flush' }],
    ['-F INPUT -v -n', { table: 'filter', op: 'flush', chain: 'INPUT' }],
    ['-X', { table: 'filter', op: 'delete-chain' }],
    ['-t raw -X x', { table: 'raw', op: 'delete-chain', chain: 'x' }],
    ['-P FORWARD DROP', { table: 'filter', op: 'policy', chain: 'FORWARD', policy: 'DROP' }],
    ['--append a --jump ACCEPT --table=nat', { table: 'nat', op: 'append', chain: 'a', rule: '-j ACCEPT' }],
    // A value is no command, whatever it looks like.
    [
      '-A a -m comment --comment -D -j b',
      { table: 'filter', op: 'append', chain: 'a', rule: '-m comment --comment -D -j b' },
    ],
  ])('%s', (text, parsed) => {
    expect(parse(text)).toEqual(parsed);
  });

  test.each([
    ['-t nope -F', "table 'nope' does not exist"],
    ['-A', 'option "-A" requires an argument'],
    ['-A a b', "Bad argument `b'"],
    ['-A a -D a', 'Cannot use -D with another command'],
    ['-I a 0', "Invalid rule number `0'"],
    ['-P INPUT QUEUE', "Bad policy name. Run `dmesg' for more information."],
    ['-L', '-L is no change of chains and rules that is modelled'],
    ['-t nat', 'no command specified'],
    ['-t', 'option "-t" requires an argument'],
    ['-A a -p tcp --nope', 'unknown option "--nope"'],
    ['ebtables -F', 'not an iptables command: ebtables'],
  ])('refused: %s', (text, error) => {
    expect(parse(text)).toBe(error);
  });
});

test('the program name decides family and backend', () => {
  const meaning = (program: string) => {
    const parsed = parseCommand([program, '-F'], defaults);
    return 'error' in parsed ? parsed.error : `${parsed.family} ${parsed.backend}`;
  };
  expect(meaning('/usr/sbin/iptables')).toBe('ipv4 iptables-nft');
  expect(meaning('/usr/sbin/ip6tables')).toBe('ipv6 iptables-nft');
  expect(meaning('iptables-legacy')).toBe('ipv4 iptables-legacy');
});
