/**
 * Address translation of one side of a network: what leaves it, and what the host sends into it.
 * In: a Script and a side. Out: steps of the nat table, one subject each; generations choose and order them.
 * Source: libnetwork drivers/bridge/setup_ip_tables.go, later internal/iptabler/network.go.
 */
import { formatAddr } from '../../net/addr.ts';
import { formatPrefix } from '../../net/prefix.ts';
import type { NetworkSide } from './network.ts';
import { because, type Script } from './script.ts';
import { ensure, reason, remove, type Step } from './steps.ts';

/** MASQUERADE takes the address of the way out, SNAT the one asked for. */
function target({ hostAddress }: NetworkSide): readonly string[] {
  return hostAddress === undefined
    ? ['-j', 'MASQUERADE']
    : ['-j', 'SNAT', '--to-source', formatAddr(hostAddress.value)];
}

/** What leaves the network gets an address of the host, unless masquerading is off or the network is routed. */
export function masqueradeOut(side: NetworkSide): readonly Step[] {
  const { bridge, masquerade, gatewayMode, hostAddress, subnet } = side;
  if (!masquerade.value || gatewayMode.value === 'routed') return [];
  const why = reason(
    "give what leaves the network the host's address",
    masquerade.because,
    ...(hostAddress === undefined ? [] : [hostAddress.because]),
    subnet.because,
  );
  const leaving = ['-s', formatPrefix(subnet.value), '!', '-o', bridge];
  return [ensure(why, '-t', 'nat', '-I', 'POSTROUTING', ...leaving, ...target(side))];
}

/** Containers' packets for published ports go past the translation, to the userland proxy. */
export function skipTranslation(script: Script, { bridge, masquerade }: NetworkSide): Step {
  const why = reason(
    "leave containers' packets for published ports to the userland proxy",
    masquerade.because,
    because(script, 'userland-proxy'),
  );
  return ensure(why, '-t', 'nat', '-I', 'DOCKER', '-i', bridge, '-j', 'RETURN');
}

/** Without the userland proxy the host's own packets into the network get the bridge's address. */
export function masqueradeLocal(script: Script, side: NetworkSide, wanted: boolean): Step {
  const why = reason(
    'let the host reach published ports without the userland proxy',
    because(script, 'userland-proxy'),
  );
  const rule = ['POSTROUTING', '-m', 'addrtype', '--src-type', 'LOCAL', '-o', side.bridge, ...target(side)];
  return wanted ? ensure(why, '-t', 'nat', '-I', ...rule) : remove(why, '-t', 'nat', '-D', ...rule);
}
