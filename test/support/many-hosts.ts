/**
 * Hosts on which an engine makes all the rules that it knows: for tests that hold for every rule of every generation.
 * In: an engine version. Out: HostSpecs. Bridges are called as the engine calls them.
 */
import { ipv4 } from '../../src/net/addr.ts';
import type { HostSpec, NetworkSpec } from './plan.ts';

const subnets = { subnet: '172.18.0.0/16', subnet6: '2001:db8:18::/64' };
const oneId = '1111aaaa1111';
const otherId = '2222bbbb2222';
const closedId = '3333cccc3333';

const bridge: NetworkSpec = { name: 'bridge', subnet: '172.17.0.0/16', subnet6: '2001:db8:17::/64' };
const closed: NetworkSpec = {
  name: closedId,
  subnet: '172.20.0.0/16',
  subnet6: '2001:db8:20::/64',
  internal: true,
};

/** The default network, one with options, one without, and an internal one; a container on each, with ports. */
export function networksOf(
  engine: string,
  config: object = {},
  options: Readonly<Record<string, string>> = {},
  more: Partial<HostSpec> = {},
): HostSpec {
  return {
    engine,
    config: JSON.stringify(config),
    networks: [
      bridge,
      { name: oneId, ...subnets, options },
      { name: otherId, subnet: '172.19.0.0/16', subnet6: '2001:db8:19::/64' },
      closed,
    ],
    containers: [
      {
        name: 'web',
        on: { bridge: '172.17.0.2/16 2001:db8:17::2/64' },
        ports: ['8080:80/tcp', '127.0.0.1:5353:53/udp', '[::1]:5353:53/udp'],
        links: [{ address: ipv4(0xac110003), ports: [{ protocol: 'tcp', port: 80 }] }],
      },
      {
        name: 'one',
        on: { [oneId]: '172.18.0.2/16 2001:db8:18::2/64' },
        ports: ['8081:80/tcp', '9000:9000/sctp'],
      },
      { name: 'two', on: { [otherId]: '172.19.0.2/16 2001:db8:19::2/64' } },
      { name: 'inside', on: { [closedId]: '172.20.0.2/16 2001:db8:20::2/64' } },
    ],
    ...more,
  };
}

/** IPv6 rules as well, in the words of engines before 27. */
export const bothFamilies = { ip6tables: true, experimental: true };

const bridgeOption = (name: string) => `com.docker.network.bridge.${name}`;

const hostAddresses = {
  'com.docker.network.host_ipv4': '203.0.113.2',
  'com.docker.network.host_ipv6': '2001:db8:113::2',
};

/** Hosts that together have every rule that the engine knows. */
export function manyHosts(engine: string): readonly HostSpec[] {
  const withOptions = (options: Readonly<Record<string, string>>) =>
    networksOf(engine, bothFamilies, options);
  const mode = (value: string) => ({
    [bridgeOption('gateway_mode_ipv4')]: value,
    [bridgeOption('gateway_mode_ipv6')]: value,
  });
  return [
    networksOf(engine),
    networksOf(engine, bothFamilies),
    networksOf(engine, { ...bothFamilies, 'userland-proxy': false }),
    networksOf(engine, { ...bothFamilies, icc: false }),
    networksOf(engine, { ...bothFamilies, 'ip-masq': false }),
    networksOf(engine, { ...bothFamilies, ipv6: true }),
    networksOf(engine, { ...bothFamilies, 'allow-direct-routing': true }),
    networksOf(engine, { ...bothFamilies, 'bridge-accept-fwmark': '0x10/0xff' }),
    networksOf(engine, bothFamilies, {}, { env: { DOCKER_IPTABLES_SCTP_CHECKSUM: '1' } }),
    networksOf(engine, bothFamilies, {}, { mirroredLoopback: true }),
    withOptions(mode('routed')),
    withOptions(mode('nat-unprotected')),
    withOptions({ [bridgeOption('enable_icc')]: 'false' }),
    withOptions({ [bridgeOption('trusted_host_interfaces')]: 'eth1' }),
    withOptions(hostAddresses),
    networksOf(engine, { ...bothFamilies, 'userland-proxy': false }, hostAddresses),
  ];
}
