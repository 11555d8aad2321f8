import { expect, test } from 'vitest';
import { isAllowedSysctl, sysctlPlan } from './sysctls.ts';

test.each([
  'net.ipv4.ip_forward',
  'net.ipv4.conf.docker0.rp_filter',
  'net.ipv4.conf.eth0/100.forwarding',
  'net.bridge.bridge-nf-call-iptables',
])('%s may be set', (name) => expect(isAllowedSysctl(name)).toBe(true));

test.each([
  'kernel.core_pattern',
  'net.core.rmem_max',
  'net.netfilter.nf_conntrack_max',
  'net.ipv4.conf.../../../kernel/hostname.forwarding',
  'net.ipv4.tcp_mem',
])('%s may not', (name) => expect(isAllowedSysctl(name)).toBe(false));

const sysctls = (...lines: readonly string[]) =>
  new Map(lines.map((line) => [line.split('=')[0] ?? '', { value: line.split('=')[1] ?? '' }]));
const link = (name: string) => ({
  index: 2,
  name,
  kind: 'ether' as const,
  up: true,
  carrier: true,
  mtu: 1500,
  addresses: [],
});

test('what holds for all devices is written before what one device has', () => {
  const plan = sysctlPlan({
    links: [link('eth0'), link('eth0.100')],
    sysctls: sysctls(
      'net.ipv4.conf.eth0.forwarding=0',
      'net.ipv4.conf.eth0.100.forwarding=0',
      'net.ipv4.conf.gone.forwarding=0',
      'net.ipv4.ip_forward=1',
      'net.ipv4.conf.all.rp_filter=2',
      'net.ipv6.conf.all.forwarding=1; reboot',
      'kernel.core_pattern=|x',
    ),
  });
  expect(plan.settings.map(({ name, value }) => `${name}=${value}`)).toEqual([
    'net.ipv4.ip_forward=1',
    'net.ipv4.conf.all.rp_filter=2',
    'net.ipv4.conf.eth0.forwarding=0',
    'net.ipv4.conf.eth0/100.forwarding=0',
  ]);
  expect(plan.left).toEqual(['net.ipv6.conf.all.forwarding = 1; reboot']);
});

test('a host without any IPv6 setting has no IPv6', () => {
  const { settings } = sysctlPlan({ links: [], sysctls: sysctls('net.ipv4.ip_forward=1') });
  expect(settings).toContainEqual({ name: 'net.ipv6.conf.all.disable_ipv6', value: '1' });
});
