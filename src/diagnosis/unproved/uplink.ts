/**
 * The link to the outside: without an address, or with a smaller MTU than the containers'. In: a case. Out: what is wrong with it.
 * Which address it should have, nobody says; and whether ICMP gets through everywhere, no host can tell.
 */
import type { Link } from '../../host/state.ts';
import { formatAddr, isLoopback } from '../../net/addr.ts';
import { formatPrefix, maskPrefix, type Prefix } from '../../net/prefix.ts';
import type { Repair } from '../finding.ts';
import { aboutSmallUplink, smallerContainers, smallUplinkOf } from '../sources/uplink-mtu.ts';
import type { Detector } from './case.ts';
import { networksWithoutMtu } from './networks.ts';

/** The host has no way out and a link that faces the outside has no address. */
export const addresslessUplink: Detector = ({ host, state, unhealed, proved }) => {
  const outward = unhealed.filter((t) => t.flow.dst !== undefined && !isLoopback(t.flow.dst));
  const hasDefault = host?.routes.some((r) => r.family === 'ipv4' && r.dst.bits === 0);
  const bare = host?.links.find(
    (l) => facesOutside(l) && !l.addresses.some((a) => a.prefix.addr.family === 'ipv4'),
  );
  const isProved = proved.some(({ cause, params }) => cause === 'uplink-down' && params.link === bare?.name);
  if (hasDefault || bare === undefined || outward.length === 0 || isProved) return [];
  const gateway = state.outside?.links
    .find(({ peer }) => peer === bare.name)
    ?.addresses.find(({ addr }) => addr.family === 'ipv4');
  return [
    {
      cause: 'uplink-down',
      severity: 'error',
      params: { link: bare.name },
      failing: outward,
      hop: bare.name,
      evidence: [
        { file: 'ip-addr.json', text: `${bare.name}: no IPv4 address` },
        ...(gateway === undefined
          ? []
          : [{ file: 'outside.json', text: `its neighbour: ${formatPrefix(gateway)}` }]),
      ],
      repairs: gateway === undefined ? [] : [addressBy(bare, gateway)],
    },
  ];
};

function addressBy({ name }: Link, gateway: Prefix): Repair {
  const subnet = formatPrefix(maskPrefix(gateway));
  const route = `ip route replace default via ${formatAddr(gateway.addr)} dev ${name}`;
  return { kind: 'config', change: `give ${name} its address in ${subnet} again, then: ${route}` };
}

function facesOutside(link: Link): boolean {
  const kinds: readonly Link['kind'][] = ['ether', 'veth', 'vlan', 'other'];
  return (
    kinds.includes(link.kind) && link.up && link.master === undefined && link.peer?.namespace === undefined
  );
}

/** Full-size packets of containers do not fit the uplink: that works only as long as ICMP 3/4 gets through everywhere. */
export const smallUplink: Detector = (patient) => {
  const { state, host, expected, proved } = patient;
  const small = smallUplinkOf(state);
  if (small === undefined || proved.some(({ cause }) => cause === 'uplink-mtu-smaller')) return [];
  // Where the daemon's MTU would fit, that it does not hold for other networks is said by itself.
  const fits = (expected?.options.settings.mtu.value ?? 0) <= small.link.mtu;
  if (fits && networksWithoutMtu(patient, host).length > 0) return [];
  return [
    {
      ...aboutSmallUplink(small),
      severity: 'warning',
      hop: small.link.name,
      repairs: [smallerContainers(small)],
    },
  ];
};
