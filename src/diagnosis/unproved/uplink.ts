/**
 * The link to the outside: without an address, or with a smaller MTU than the containers'. In: a case. Out: what is wrong with it.
 * Which address it should have, nobody says; and whether ICMP gets through everywhere, no host can tell.
 */
import type { Link, Namespace } from '../../host/state.ts';
import { isLoopback } from '../../net/addr.ts';
import type { Detector } from './case.ts';

/** The host has no way out and a link that faces the outside has no address. */
export const addresslessUplink: Detector = ({ host, unhealed }) => {
  const outward = unhealed.filter((t) => t.flow.dst !== undefined && !isLoopback(t.flow.dst));
  const hasDefault = host?.routes.some((r) => r.family === 'ipv4' && r.dst.bits === 0);
  const bare = host?.links.find(
    (l) => facesOutside(l) && !l.addresses.some((a) => a.prefix.addr.family === 'ipv4'),
  );
  if (hasDefault || bare === undefined || outward.length === 0) return [];
  return [
    {
      cause: 'uplink-down',
      severity: 'error',
      params: { link: bare.name },
      failing: outward,
      hop: bare.name,
      evidence: [{ file: 'ip-addr.json', text: `${bare.name}: no IPv4 address` }],
    },
  ];
};

function facesOutside(link: Link): boolean {
  const kinds: readonly Link['kind'][] = ['ether', 'veth', 'vlan', 'other'];
  return (
    kinds.includes(link.kind) && link.up && link.master === undefined && link.peer?.namespace === undefined
  );
}

/** Full-size packets of containers do not fit the uplink: that works only as long as ICMP 3/4 gets through everywhere. */
export const smallUplink: Detector = ({ host, state }) => {
  const uplink = host === undefined ? undefined : uplinkOf(host);
  const clamped = host?.firewall.tables.some((t) =>
    t.chains.some((c) => c.rules.some((r) => r.target?.name === 'TCPMSS')),
  );
  if (uplink === undefined || clamped) return [];
  const larger = state.namespaces.filter(
    (n) => n.kind === 'container' && n.links.some((l) => l.kind === 'veth' && l.mtu > uplink.mtu),
  );
  if (larger.length === 0) return [];
  const repair = `"mtu": ${uplink.mtu} in daemon.json for the default network, com.docker.network.driver.mtu=${uplink.mtu} for others; then recreate the containers`;
  return [
    {
      cause: 'uplink-mtu-smaller',
      severity: 'warning',
      params: {
        link: uplink.name,
        mtu: String(uplink.mtu),
        containers: larger.map((n) => n.name).join(', '),
      },
      hop: uplink.name,
      evidence: [{ file: 'ip-link.json', text: `${uplink.name}: mtu ${uplink.mtu}` }],
      repairs: [{ kind: 'config', change: repair }],
    },
  ];
};

/** The link that the default route leaves by. */
export function uplinkOf(host: Namespace): Link | undefined {
  const dev = host.routes.find((r) => r.family === 'ipv4' && r.dst.bits === 0)?.dev;
  return host.links.find((l) => l.name === dev);
}
