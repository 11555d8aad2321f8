import { expect, it } from 'vitest';
import { parseSysctls } from '../host/sysctls.ts';
import { flagValues } from './dockerd.ts';
import { inside } from './namespace-commands.ts';
import { legacyTables, sysctlLines } from './settings.ts';

const grepped = [
  '/proc/sys/net/ipv4/ip_local_port_range:32768\t60999',
  '/proc/sys/net/ipv4/conf/eth0.100/rp_filter:2',
  '/proc/net/ip_tables_names:filter',
  '',
].join('\n');

it('writes settings as sysctl does, so that they read back under their dotted names', () => {
  const lines = sysctlLines(grepped);
  expect(lines).toBe('net.ipv4.conf.eth0/100.rp_filter = 2\nnet.ipv4.ip_local_port_range = 32768\t60999\n');
  expect(parseSysctls(lines, 'sysctl.txt').value.get('net.ipv4.conf.eth0.100.rp_filter')?.value).toBe('2');
});

it('tells no legacy tables from a list that may not be read', () => {
  expect(legacyTables('ipv4', grepped, '')).toBe('some');
  expect(legacyTables('ipv6', grepped, 'grep: /proc/net/ip6_tables_names: No such file or directory')).toBe(
    'none',
  );
  expect(legacyTables('ipv6', grepped, 'grep: /proc/net/ip6_tables_names: Permission denied')).toBe(
    'unreadable',
  );
});

it('finds the values of a flag in each of its forms', () => {
  const argv = ['dockerd', '-H', 'unix:///a', '--host=tcp://b:1', '--config-file', '/etc/d.json', '-H'];
  expect(flagValues(argv, ['-H', '--host'])).toEqual(['unix:///a', 'tcp://b:1']);
  expect(flagValues(argv, ['--config-file'])).toEqual(['/etc/d.json']);
});

it('enters a namespace by argument, never by text', () => {
  expect(inside(undefined, ['ip', 'rule'])).toEqual(['ip', 'rule']);
  expect(inside('/run/netns/a b', ['ip'])).toEqual(['nsenter', '--net=/run/netns/a b', '--', 'ip']);
});
