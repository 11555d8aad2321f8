/**
 * The place that a lab is: a host with an uplink, and an outside world that has no route back to container networks. In: the
 * namespace of the outside. Out: the change that lays the wire, and the description of the outside for a bundle. Pure.
 * The addresses are those reserved for documentation (RFC 5737), so that no real network is ever meant.
 */
import type { Change } from '../kernel/change.ts';
import { type Addr, ipv4 } from '../net/addr.ts';
import { formatPrefix, hostPrefix, type Prefix } from '../net/prefix.ts';

/** Name of the outside in flows and bundles. */
export const outsideName = 'inet';

/** 203.0.113.2 */
export const hostAddress: Addr = ipv4(0xcb007102);
/** 203.0.113.1 */
export const gatewayAddress: Addr = ipv4(0xcb007101);
/** 198.51.100.7: a machine on the internet, behind the gateway; in a lab both are one namespace. */
export const farAddress: Addr = ipv4(0xc6336407);
/** TCP and UDP: it answers with the source address that it saw. */
export const farPort = 7777;

const onWire = (addr: Addr): Prefix => ({ addr, bits: 24 });

/** How long an unanswered neighbour question waits, instead of the kernel's second: people watch. */
const neighbourRetry = 200;

/**
 * The uplink eth0 of the caller's own namespace, and the outside at its other end. Sysctls that a new namespace may inherit
 * from the machine (net.core.devconf_inherit_init_net) are set to the kernel's defaults, so that a lab is the same everywhere.
 */
export function placeChange(outside: string): Change {
  const inside = { netns: outside };
  const defaults = ['net.ipv4.ip_forward', 'net.ipv4.conf.all.rp_filter', 'net.ipv4.conf.default.rp_filter'];
  return {
    steps: [
      ...defaults.map((name) => ({ kind: 'sysctl', name, value: '0' }) as const),
      ...defaults.map((name) => ({ ...inside, kind: 'sysctl', name, value: '0' }) as const),
      { kind: 'add-link', name: 'eth0', link: { type: 'veth', peer: { name: 'up0', netns: outside } } },
      { kind: 'set-link', name: 'lo', set: { up: true } },
      { kind: 'add-address', dev: 'eth0', prefix: onWire(hostAddress) },
      { kind: 'neighbour-retry', dev: 'eth0', milliseconds: neighbourRetry },
      { kind: 'set-link', name: 'eth0', set: { up: true } },
      {
        kind: 'add-route',
        route: { dst: { addr: ipv4(0), bits: 0 }, gateway: gatewayAddress, dev: 'eth0' },
      },
      { ...inside, kind: 'set-link', name: 'lo', set: { up: true } },
      { ...inside, kind: 'add-address', dev: 'lo', prefix: hostPrefix(farAddress) },
      { ...inside, kind: 'add-address', dev: 'up0', prefix: onWire(gatewayAddress) },
      { ...inside, kind: 'neighbour-retry', dev: 'up0', milliseconds: neighbourRetry },
      { ...inside, kind: 'set-link', name: 'up0', set: { up: true } },
    ],
  };
}

/** The same impatience on the bridges and in the containers that the engine made. */
export function impatienceChange(bridges: readonly string[], containers: readonly string[]): Change {
  const retry = { kind: 'neighbour-retry', milliseconds: neighbourRetry } as const;
  return {
    steps: [
      ...bridges.map((dev) => ({ ...retry, dev })),
      ...containers.map((netns) => ({ ...retry, netns, dev: 'eth0' })),
    ],
  };
}

/** The outside as a bundle's outside.json describes one. */
export const outsideDescription = {
  namespace: outsideName,
  links: [
    { name: 'up0', peer: 'eth0', addresses: [formatPrefix(onWire(gatewayAddress))] },
    { name: 'lo', addresses: ['127.0.0.1/8', formatPrefix(hostPrefix(farAddress))] },
  ],
  routes: [],
  forwards: false,
  listeners: [`tcp ${farPort}`, `udp ${farPort}`],
} as const;
