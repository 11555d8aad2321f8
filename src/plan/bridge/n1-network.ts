/**
 * One side of a network in the engine's native table: its four chains, and the rules that need no container.
 * In: a Script and a side. Out: operations in the engine's order. Ports are `n1-ports.ts`'s subject.
 * Source: moby 29.7.2, drivers/bridge/internal/nftabler/network.go.
 */
import * as nft from '../../firewall/nft/build.ts';
import type { NftOperation } from '../../firewall/nft/operation.ts';
import type { Because } from '../../net/reason.ts';
import { acceptedMark } from './accepted-mark.ts';
import { addChain, addRule, chainOf, maps } from './n1-table.ts';
import type { NetworkSide } from './network.ts';
import { because, isHairpin, type Script } from './script.ts';
import { reason } from './steps.ts';

export function networkOperations(script: Script, side: NetworkSide): readonly NftOperation[] {
  return [
    ...networkChains(side),
    ...answers(side),
    ...(side.internal.value
      ? closeInternal(side)
      : [
          ...acceptMarked(script, side),
          interContainer(side),
          outgoing(side),
          incoming(side),
          ...letPingIn(side),
          ...translateOut(side),
          ...translateLocal(script, side),
        ]),
  ];
}

function networkChains({ bridge, because }: NetworkSide): readonly NftOperation[] {
  const why = reason('make the chains of a network', because);
  return (['forwardIn', 'forwardOut', 'sourceIn', 'sourceOut'] as const).flatMap((of) => {
    const chain = chainOf(bridge, of);
    const element = nft.jumpElement(bridge, chain);
    return [addChain(why, chain), { op: 'add', kind: 'element', set: maps[of], element, reason: why }];
  });
}

function answers({ bridge, because }: NetworkSide): readonly NftOperation[] {
  const rule = nft.rule(undefined, nft.answers, nft.counter, nft.accept);
  return [
    addRule(reason('let answers in', because), chainOf(bridge, 'forwardIn'), 'first', rule),
    addRule(reason('let answers out', because), chainOf(bridge, 'forwardOut'), 'first', rule),
  ];
}

function closeInternal(side: NetworkSide): readonly NftOperation[] {
  const { bridge, internal, because } = side;
  const why = reason('keep an internal network to itself', internal.because, because);
  const others = (key: 'iifname' | 'oifname', comment: string) =>
    nft.rule(comment, nft.onDevice(key, '!=', bridge), nft.counter, nft.drop);
  return [
    addRule(why, chainOf(bridge, 'forwardIn'), 'first', others('iifname', 'INTERNAL NETWORK INGRESS')),
    addRule(why, chainOf(bridge, 'forwardOut'), 'first', others('oifname', 'INTERNAL NETWORK EGRESS')),
    interContainer(side),
  ];
}

/** In an internal network what is left by then comes from the network. */
function interContainer({ bridge, icc, internal }: NetworkSide): NftOperation {
  const why = reason(
    icc.value ? 'let containers of the network talk' : 'forbid containers of the network to talk',
    icc.because,
    ...(internal.value ? [internal.because] : []),
  );
  const rule = nft.rule(
    'ICC',
    ...(internal.value ? [] : [nft.onDevice('iifname', '==', bridge)]),
    nft.counter,
    icc.value ? nft.accept : nft.drop,
  );
  return addRule(why, chainOf(bridge, 'forwardIn'), 'within', rule);
}

function acceptMarked(script: Script, { bridge }: NetworkSide): readonly NftOperation[] {
  const mark = acceptedMark(script);
  if (mark === undefined) return [];
  const why = reason('let packets with a mark go everywhere', because(script, 'bridge-accept-fwmark'));
  const rule = nft.rule('ALLOW FW MARK', nft.onMark(mark.mark, mark.mask), nft.counter, nft.accept);
  return [addRule(why, chainOf(bridge, 'forwardIn'), 'marked', rule)];
}

function outgoing({ bridge, because }: NetworkSide): NftOperation {
  const why = reason('let containers out', because);
  return addRule(why, chainOf(bridge, 'forwardOut'), 'first', nft.rule('OUTGOING', nft.counter, nft.accept));
}

function incoming({ bridge, gatewayMode, because }: NetworkSide): NftOperation {
  const unprotected = gatewayMode.value === 'nat-unprotected';
  const why = reason(
    unprotected ? 'let everything in' : 'keep out what no published port lets in',
    ...(unprotected ? [gatewayMode.because] : []),
    because,
  );
  const rule = unprotected
    ? nft.rule('UNPROTECTED', nft.counter, nft.accept)
    : nft.rule('UNPUBLISHED PORT DROP', nft.counter, nft.drop);
  return addRule(why, chainOf(bridge, 'forwardIn'), 'rest', rule);
}

function letPingIn({ bridge, gatewayMode, family }: NetworkSide): readonly NftOperation[] {
  if (gatewayMode.value !== 'routed') return [];
  const why = reason('let ping into a routed network', gatewayMode.because);
  const rule = nft.rule('ICMP', nft.onPing(family), nft.counter, nft.accept);
  return [addRule(why, chainOf(bridge, 'forwardIn'), 'first', rule)];
}

/** What leaves the network gets an address of the host, unless masquerading is off or the network is routed. */
function translateOut(side: NetworkSide): readonly NftOperation[] {
  const { bridge, masquerade, gatewayMode, subnet } = side;
  if (!masquerade.value || gatewayMode.value === 'routed') return [];
  const why = reason(
    "give what leaves the network the host's address",
    masquerade.because,
    ...becauseHostAddress(side),
    subnet.because,
  );
  const rule = nft.rule(
    translationName(side),
    nft.onDevice('oifname', '!=', bridge),
    nft.onPrefix('saddr', '==', subnet.value),
    nft.counter,
    translation(side),
  );
  return [addRule(why, chainOf(bridge, 'sourceOut'), 'first', rule)];
}

/** Without the userland proxy the host's own packets into the network get another address of the host. */
function translateLocal(script: Script, side: NetworkSide): readonly NftOperation[] {
  if (!isHairpin(script)) return [];
  const why = reason(
    'let the host reach published ports without the userland proxy',
    because(script, 'userland-proxy'),
    ...becauseHostAddress(side),
  );
  const rule = nft.rule(
    `${translationName(side)} FROM HOST`,
    nft.onLocal('saddr'),
    nft.counter,
    translation(side),
  );
  return [addRule(why, chainOf(side.bridge, 'sourceIn'), 'first', rule)];
}

/** Masquerading takes the address of the way out, SNAT the one asked for. */
function translation({ hostAddress }: NetworkSide) {
  return hostAddress === undefined ? nft.masquerade : nft.translateTo('snat', hostAddress.value);
}

function translationName({ hostAddress }: NetworkSide): 'MASQUERADE' | 'SNAT' {
  return hostAddress === undefined ? 'MASQUERADE' : 'SNAT';
}

function becauseHostAddress({ hostAddress }: NetworkSide): readonly Because[] {
  return hostAddress === undefined ? [] : [hostAddress.because];
}
