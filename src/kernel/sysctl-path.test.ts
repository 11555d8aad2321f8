import { expect, test } from 'vitest';
import { sysctlPath } from './sysctl-path.ts';

test('dots are slashes, and slashes in a link name are its dots', () => {
  expect(sysctlPath('net.ipv4.ip_forward')).toBe('/proc/sys/net/ipv4/ip_forward');
  expect(sysctlPath('net.ipv4.conf.eth0/100.rp_filter')).toBe('/proc/sys/net/ipv4/conf/eth0.100/rp_filter');
});

test('no name leads out of /proc/sys', () => {
  for (const name of ['', '.', 'net..ipv4', 'net.//.//.kernel', 'a\nb', 'net ipv4'])
    expect(() => sysctlPath(name)).toThrow('not a sysctl');
});
