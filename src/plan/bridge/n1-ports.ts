/**
 * Containers in the engine's native table: what guards their addresses, opens and translates their ports, and their links.
 * In: a Script, endpoints and ports. Out: operations in the engine's order, one subject each.
 * Source: moby 29.7.2, drivers/bridge/internal/nftabler/endpoint.go, port.go and link.go.
 */
import * as nft from '../../firewall/nft/build.ts';
import type { NftOperation } from '../../firewall/nft/operation.ts';
import { type Family, ipv6, isLoopback, isUnspecified } from '../../net/addr.ts';
import { addRule, addRuleOnce, chainOf, chains } from './n1-table.ts';
import type { BridgeEndpoint } from './network.ts';
import { isMapped, isTranslated, type PublishedPort } from './ports.ts';
import { because, becauseEndpoint, isHairpin, type Script } from './script.ts';
import { reason } from './steps.ts';

/** Packets from elsewhere for the container's own address are dropped before routing, but for trusted interfaces. */
export function endpointOperations(
  script: Script,
  endpoint: BridgeEndpoint,
  family: Family,
): readonly NftOperation[] {
  const { network, addresses } = endpoint;
  const address = addresses[family];
  const side = network.sides[family];
  if (address === undefined || side === undefined || network.internal.value) return [];
  const { gatewayMode, trustedInterfaces } = side;
  if (gatewayMode.value === 'nat-unprotected' || gatewayMode.value === 'routed') return [];
  if (script.options.settings['allow-direct-routing'].value) return [];
  const why = reason(
    "keep other hosts from the container's own address",
    gatewayMode.because,
    because(script, 'allow-direct-routing'),
    ...(trustedInterfaces.value.length > 0 ? [trustedInterfaces.because] : []),
    becauseEndpoint(endpoint),
  );
  const rule = nft.rule(
    'DROP DIRECT ACCESS',
    nft.onAddress('daddr', '==', address),
    nft.onDevice('iifname', '!=', network.bridge, ...trustedInterfaces.value),
    nft.counter,
    nft.drop,
  );
  return [addRule(why, chains.raw, 'guards', rule)];
}

/** A port is opened for the proxy's sake too, where no rule can translate it. */
export function portOperations(script: Script, port: PublishedPort): readonly NftOperation[] {
  const translated = isMapped(port) && isTranslated(port);
  return [
    ...open(port),
    ...(translated ? [translate(script, port), ...masqueradeSelf(script, port)] : []),
    ...(translated ? guardLoopback(script, port) : []),
  ];
}

function open(port: PublishedPort): readonly NftOperation[] {
  const { side, binding } = port;
  if (side.gatewayMode.value === 'nat-unprotected') return [];
  const rule = nft.rule(
    undefined,
    nft.onAddress('daddr', '==', port.containerAddress),
    nft.onPort(binding.protocol, 'dport', binding.containerPort),
    nft.counter,
    nft.accept,
  );
  const why = reason('let a published port in', port.because);
  return [addRuleOnce(why, chainOf(side.bridge, 'forwardIn'), 'ports', rule)];
}

const linkLocal = { addr: ipv6(0xfe80n << 112n), bits: 10 };

/** With the userland proxy not for the network's own containers, and never for link-local senders. */
function translate(script: Script, port: PublishedPort): NftOperation {
  const { binding, side, hostAddress } = port;
  const why = reason(
    'translate a published port',
    port.because,
    port.addressBecause,
    because(script, 'userland-proxy'),
  );
  const rule = nft.rule(
    'DNAT',
    ...(isHairpin(script) ? [] : [nft.onDevice('iifname', '!=', side.bridge)]),
    ...(side.family === 'ipv6' ? [nft.onPrefix('saddr', '!=', linkLocal)] : []),
    ...(isUnspecified(hostAddress) ? [] : [nft.onAddress('daddr', '==', hostAddress)]),
    nft.onPort(binding.protocol, 'dport', binding.hostPort),
    nft.counter,
    nft.translateTo('dnat', port.containerAddress, binding.containerPort),
  );
  return addRule(why, chains.ports, 'first', rule);
}

function masqueradeSelf(script: Script, port: PublishedPort): readonly NftOperation[] {
  if (!isHairpin(script)) return [];
  const { binding, side, containerAddress } = port;
  const why = reason(
    "let a container reach its own published port by the host's address",
    because(script, 'userland-proxy'),
    port.because,
  );
  const rule = nft.rule(
    'MASQ TO OWN PORT',
    nft.onAddress('saddr', '==', containerAddress),
    nft.onAddress('daddr', '==', containerAddress),
    nft.onPort(binding.protocol, 'dport', binding.containerPort),
    nft.counter,
    nft.masquerade,
  );
  return [addRuleOnce(why, chainOf(side.bridge, 'sourceIn'), 'first', rule)];
}

/** A port published on loopback must not be reached from outside, which route_localnet would allow (IPv4 alone). */
function guardLoopback(script: Script, port: PublishedPort): readonly NftOperation[] {
  const { hostAddress, binding } = port;
  if (hostAddress.family === 'ipv6' || !isLoopback(hostAddress)) return [];
  const why = reason('keep other hosts from a port published on loopback', port.because, port.addressBecause);
  const packets = [
    nft.onAddress('daddr', '==', hostAddress),
    nft.onPort(binding.protocol, 'dport', binding.hostPort),
    nft.counter,
  ];
  const from = (operator: '==' | '!=', device: string) => nft.onDevice('iifname', operator, device);
  const drop = nft.rule('DROP REMOTE LOOPBACK', from('!=', 'lo'), ...packets, nft.drop);
  const fromWindows = nft.rule('ACCEPT WSL2 LOOPBACK', from('==', 'loopback0'), ...packets, nft.accept);
  return [
    ...(script.mirroredLoopback ? [addRule(why, chains.raw, 'guards', fromWindows)] : []),
    addRule(why, chains.raw, 'guards', drop),
  ];
}

/** Where containers of a network may not talk, a container may reach its children's exposed ports, and they may answer. */
export function linkOperations(endpoint: BridgeEndpoint): readonly NftOperation[] {
  const { network } = endpoint;
  const parent = endpoint.addresses.ipv4;
  if (network.icc.value || parent === undefined) return [];
  const why = reason(
    'let a container reach what it is linked to',
    becauseEndpoint(endpoint),
    network.icc.because,
  );
  const chain = chainOf(network.bridge, 'forwardIn');
  return (endpoint.endpoint.links ?? [])
    .flatMap(({ address: child, ports }) =>
      ports.flatMap(({ protocol, port }) => [
        nft.rule(
          undefined,
          nft.onAddress('saddr', '==', parent),
          nft.onAddress('daddr', '==', child),
          nft.onPort(protocol, 'dport', port),
          nft.counter,
          nft.accept,
        ),
        nft.rule(
          undefined,
          nft.onAddress('saddr', '==', child),
          nft.onPort(protocol, 'sport', port),
          nft.onAddress('daddr', '==', parent),
          nft.counter,
          nft.accept,
        ),
      ]),
    )
    .map((rule) => addRule(why, chain, 'links', rule));
}
