/**
 * Generation N1, engine 29 with its nftables backend: one table per family, chains per network that verdict maps lead to.
 * In: a Script. Out: transactions in the engine's order, from the driver's start to the last container. Networks and ports have
 * their own files.
 * Source: moby 29.7.2, daemon/libnetwork/drivers/bridge/internal/nftabler and daemon/libnetwork/internal/nftables.
 */
import * as nft from '../../firewall/nft/build.ts';
import type { NftHook } from '../../firewall/nft/model.ts';
import type { NftOperation, NftTransaction } from '../../firewall/nft/operation.ts';
import { type Family, ipv4, ipv6 } from '../../net/addr.ts';
import type { Prefix } from '../../net/prefix.ts';
import { networkOperations } from './n1-network.ts';
import { endpointOperations, linkOperations, portOperations } from './n1-ports.ts';
import { addChain, addRule, chains, maps, onTable, reversed } from './n1-table.ts';
import type { BridgeEndpoint, BridgeNetwork } from './network.ts';
import { publishedPorts } from './ports.ts';
import {
  because,
  becauseTables,
  isHairpin,
  madeEndpoints,
  madeNetworks,
  restoredEndpoints,
  restoredNetworks,
  type Script,
  usedFamilies,
} from './script.ts';
import { reason } from './steps.ts';

/** Everything from the driver's start to the last container. Nothing at all of a family without its tables. */
export function n1Transactions(script: Script): readonly NftTransaction[] {
  const families = usedFamilies(script);
  const network = ({ sides }: BridgeNetwork) =>
    families.flatMap((family) => {
      const side = sides[family];
      return side === undefined ? [] : [onTable(family, networkOperations(script, side))];
    });
  const endpoint = (made: BridgeEndpoint) => endpointTransactions(script, made, families);
  // The default network comes back from the store too, and a restart deletes it to make it anew.
  const deleted = script.deleted === undefined ? [] : network(script.deleted);
  return [
    ...families.map((family) => onTable(family, tableOperations(script, family))),
    ...deleted,
    ...restoredNetworks(script).flatMap(network),
    ...restoredEndpoints(script).flatMap(endpoint),
    ...deleted.map(reversed),
    ...madeNetworks(script).flatMap(network),
    ...madeEndpoints(script).flatMap(endpoint),
  ];
}

function endpointTransactions(
  script: Script,
  endpoint: BridgeEndpoint,
  families: readonly Family[],
): readonly NftTransaction[] {
  const used = (family: Family, operations: readonly NftOperation[]) =>
    families.includes(family) && operations.length > 0 ? [onTable(family, operations)] : [];
  return [
    ...families.flatMap((family) => used(family, endpointOperations(script, endpoint, family))),
    ...publishedPorts(script, endpoint).flatMap((port) =>
      used(port.side.family, portOperations(script, port)),
    ),
    ...used('ipv4', linkOperations(endpoint)),
  ];
}

/** Where the host's own packets to published ports are left to the proxy. nft keeps no bits beyond the prefix. */
const loopback: Readonly<Record<Family, Prefix>> = {
  ipv4: { addr: ipv4(0x7f000000), bits: 8 },
  ipv6: { addr: ipv6(1n), bits: 128 },
};

/**
 * The table with its base chains. One that an earlier run left keeps its chains, without rules, and its maps, without elements.
 */
function tableOperations(script: Script, family: Family): readonly NftOperation[] {
  const tables = becauseTables(script, family);
  const why = reason("make the engine's table", tables, because(script, 'firewall-backend'));
  const forward = reason('look only at packets from and to the networks', tables);
  const published = reason('send packets for published ports to their rules', tables);
  const hook = (type: string, name: string, priority: number): NftHook => ({
    type,
    hook: name,
    priority,
    policy: 'accept',
    devices: [],
  });
  const toPorts = [nft.onLocal('daddr'), nft.counter, nft.jump(chains.ports)];
  return [
    { op: 'add', kind: 'table', reason: why },
    { op: 'flush', kind: 'table', reason: why },
    ...Object.values(maps).flatMap((name): readonly NftOperation[] => [
      { op: 'add', kind: 'set', set: { name, type: ['ifname'], data: ['verdict'] }, reason: why },
      { op: 'flush', kind: 'set', set: { name }, reason: why },
    ]),
    addChain(why, chains.forward, hook('filter', 'forward', 0)),
    addRule(forward, chains.forward, 'first', nft.rule(undefined, nft.lookUp('oifname', maps.forwardIn))),
    addRule(forward, chains.forward, 'first', nft.rule(undefined, nft.lookUp('iifname', maps.forwardOut))),
    addChain(why, chains.postrouting, hook('nat', 'postrouting', 100)),
    addRule(forward, chains.postrouting, 'first', nft.rule(undefined, nft.lookUp('iifname', maps.sourceOut))),
    addRule(forward, chains.postrouting, 'first', nft.rule(undefined, nft.lookUp('oifname', maps.sourceIn))),
    addChain(why, chains.ports),
    addChain(why, chains.prerouting, hook('nat', 'prerouting', -100)),
    addRule(published, chains.prerouting, 'first', nft.rule(undefined, ...toPorts)),
    addChain(why, chains.output, hook('nat', 'output', -100)),
    isHairpin(script)
      ? addRule(published, chains.output, 'first', nft.rule(undefined, ...toPorts))
      : addRule(
          reason('leave loopback to the userland proxy', because(script, 'userland-proxy'), tables),
          chains.output,
          'first',
          nft.rule(undefined, nft.onPrefix('daddr', '!=', loopback[family]), ...toPorts),
        ),
    addChain(why, chains.raw, hook('filter', 'prerouting', -300)),
    ...mirroredLoopback(script, family),
  ];
}

/** On a mirrored WSL2 host packets from Windows to 127.0.0.1 come in by loopback0; they are the proxy's too. */
function mirroredLoopback(script: Script, family: Family): readonly NftOperation[] {
  if (!script.mirroredLoopback || isHairpin(script) || family === 'ipv6') return [];
  const why = reason(
    "leave Windows' packets to loopback to the userland proxy",
    because(script, 'userland-proxy'),
  );
  return [
    addRule(
      why,
      chains.ports,
      'first',
      nft.rule(
        undefined,
        nft.onDevice('iifname', '==', 'loopback0'),
        nft.onPrefix('daddr', '==', loopback.ipv4),
        nft.counter,
        nft.verdict({ kind: 'return' }),
      ),
    ),
  ];
}
