/**
 * Generation G9: the rules of one network, in the engine's order.
 * In: the script and a resolved network. Out: steps; removals of what older engines left are part of what the engine does.
 * Sources: moby 28.5.2, libnetwork/drivers/bridge/internal/iptabler/network.go.
 */
import { formatAddr } from '../../net/addr.ts';
import { formatPrefix, type Prefix } from '../../net/prefix.ts';
import type { BridgeNetwork } from './network.ts';
import { because, isHairpin, type Script } from './script.ts';
import { ensure, reason, remove, type Step } from './steps.ts';

const answersOnly = ['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'] as const;

/** The network-level steps. A network without IPv4 only loses isolation rules that 28.0.0 made for it. */
export function networkSteps(script: Script, network: BridgeNetwork): readonly Step[] {
  if (network.subnet === undefined) return withoutIpv4(network);
  if (network.internal.value) return internalNetwork(network, network.subnet.value);
  return [
    ...addressTranslation(script, network, network.subnet.value),
    ...interContainer(network),
    ...outgoing(network),
    ...incoming(network),
    ...isolation(network),
  ];
}

function withoutIpv4(network: BridgeNetwork): readonly Step[] {
  const { bridge } = network;
  const why = reason('remove what 28.0.0 made', network.because);
  return [
    remove(
      why,
      '-D',
      'DOCKER-ISOLATION-STAGE-1',
      '-i',
      bridge,
      '!',
      '-o',
      bridge,
      '-j',
      'DOCKER-ISOLATION-STAGE-2',
    ),
    remove(why, '-D', 'DOCKER-ISOLATION-STAGE-2', '-o', bridge, '-j', 'DROP'),
  ];
}

function internalNetwork(network: BridgeNetwork, subnet: Prefix): readonly Step[] {
  const { bridge } = network;
  const why = reason('keep an internal network to itself', network.internal.because, network.because);
  const prefix = formatPrefix(subnet);
  return [
    ensure(why, '-I', 'DOCKER-ISOLATION-STAGE-1', '-i', bridge, '!', '-d', prefix, '-j', 'DROP'),
    ensure(why, '-I', 'DOCKER-ISOLATION-STAGE-1', '-o', bridge, '!', '-s', prefix, '-j', 'DROP'),
    ...interContainer(network),
  ];
}

function addressTranslation(script: Script, network: BridgeNetwork, subnet: Prefix): readonly Step[] {
  const { bridge, hostAddress, masquerade, gatewayMode } = network;
  const proxy = because(script, 'userland-proxy');
  const hairpin = isHairpin(script);
  const target =
    hostAddress === undefined ? ['MASQUERADE'] : ['SNAT', '--to-source', formatAddr(hostAddress.value)];
  const translate = reason(
    "give what leaves the network the host's address",
    masquerade.because,
    ...(hostAddress === undefined ? [] : [hostAddress.because]),
    ...(network.subnet === undefined ? [] : [network.subnet.because]),
  );
  const skip = reason(
    "leave containers' packets for published ports to the userland proxy",
    masquerade.because,
    proxy,
  );
  const local = reason('let the host reach published ports without the userland proxy', proxy);
  const fromHost = ['POSTROUTING', '-m', 'addrtype', '--src-type', 'LOCAL', '-o', bridge, '-j', ...target];
  return [
    ...(masquerade.value && gatewayMode.value !== 'routed'
      ? [
          ensure(
            translate,
            ...[
              '-t',
              'nat',
              '-I',
              'POSTROUTING',
              '-s',
              formatPrefix(subnet),
              '!',
              '-o',
              bridge,
              '-j',
              ...target,
            ],
          ),
        ]
      : []),
    ...(masquerade.value && !hairpin
      ? [ensure(skip, '-t', 'nat', '-I', 'DOCKER', '-i', bridge, '-j', 'RETURN')]
      : []),
    hairpin ? ensure(local, '-t', 'nat', '-I', ...fromHost) : remove(local, '-t', 'nat', '-D', ...fromHost),
  ];
}

/** Only internal networks need the accept: others have one for all that comes out of the bridge. */
function interContainer(network: BridgeNetwork): readonly Step[] {
  const { icc } = network;
  const within = ['-i', network.bridge, '-o', network.bridge, '-j'];
  const why = reason(
    icc.value ? 'let containers of the network talk' : 'forbid containers of the network to talk',
    icc.because,
    ...(network.internal.value ? [network.internal.because] : []),
  );
  return [
    icc.value && network.internal.value
      ? ensure(why, '-t', 'filter', '-A', 'DOCKER-FORWARD', ...within, 'ACCEPT')
      : remove(why, '-t', 'filter', '-D', 'DOCKER-FORWARD', ...within, 'ACCEPT'),
    icc.value
      ? remove(why, '-t', 'filter', '-D', 'DOCKER-FORWARD', ...within, 'DROP')
      : ensure(why, '-t', 'filter', '-A', 'DOCKER-FORWARD', ...within, 'DROP'),
    remove(why, '-t', 'filter', '-D', 'FORWARD', ...within, 'ACCEPT'),
    remove(why, '-t', 'filter', '-D', 'FORWARD', ...within, 'DROP'),
  ];
}

function outgoing(network: BridgeNetwork): readonly Step[] {
  const { bridge, icc, gatewayMode } = network;
  const out = reason(
    icc.value ? 'let containers out and to each other' : 'let containers out',
    icc.because,
    network.because,
  );
  const anywhere = ['-i', bridge, '-j', 'ACCEPT'];
  const elsewhere = ['-i', bridge, '!', '-o', bridge, '-j', 'ACCEPT'];
  const old = reason('remove what older engines made', network.because);
  return [
    ...(gatewayMode.value === 'routed'
      ? [
          ensure(
            reason('let ping into a routed network', gatewayMode.because),
            ...['-t', 'filter', '-A', 'DOCKER', '-o', bridge, '-p', 'icmp', '-j', 'ACCEPT'],
          ),
        ]
      : []),
    remove(old, '-t', 'filter', '-D', 'FORWARD', ...elsewhere),
    ...(icc.value
      ? [
          ensure(out, '-t', 'filter', '-A', 'DOCKER-FORWARD', ...anywhere),
          remove(old, '-t', 'filter', '-D', 'FORWARD', ...anywhere),
        ]
      : [ensure(out, '-t', 'filter', '-A', 'DOCKER-FORWARD', ...elsewhere)]),
  ];
}

function incoming(network: BridgeNetwork): readonly Step[] {
  const { bridge, gatewayMode } = network;
  const unprotected = gatewayMode.value === 'nat-unprotected';
  const old = reason('remove what older engines made', network.because);
  const rest = reason(
    unprotected ? 'let everything in' : 'keep out what no published port lets in',
    ...(unprotected ? [gatewayMode.because] : []),
    network.because,
  );
  return [
    remove(old, '-D', 'FORWARD', '-o', bridge, '-j', 'DOCKER'),
    remove(old, '-D', 'FORWARD', '-o', bridge, ...answersOnly, '-j', 'ACCEPT'),
    ensure(
      rest,
      ...[
        '-t',
        'filter',
        '-A',
        'DOCKER',
        '!',
        '-i',
        bridge,
        '-o',
        bridge,
        '-j',
        unprotected ? 'ACCEPT' : 'DROP',
      ],
    ),
    ensure(
      reason('let answers in', network.because),
      ...['-t', 'filter', '-A', 'DOCKER-CT', '-o', bridge, ...answersOnly, '-j', 'ACCEPT'],
    ),
    ensure(
      reason("let published ports' packets in", network.because),
      ...['-t', 'filter', '-A', 'DOCKER-BRIDGE', '-o', bridge, '-j', 'DOCKER'],
    ),
  ];
}

function isolation(network: BridgeNetwork): readonly Step[] {
  const { bridge, gatewayMode } = network;
  const apart = reason('keep networks apart', network.because);
  const routed = reason('let other networks reach a routed network', gatewayMode.because);
  return [
    ...(gatewayMode.value === 'routed'
      ? [
          ensure(routed, '-t', 'filter', '-I', 'DOCKER-ISOLATION-STAGE-1', '-o', bridge, '-j', 'RETURN'),
          ensure(
            routed,
            ...[
              '-t',
              'filter',
              '-I',
              'DOCKER-ISOLATION-STAGE-1',
              '-i',
              bridge,
              ...answersOnly,
              '-j',
              'ACCEPT',
            ],
          ),
        ]
      : []),
    ensure(
      apart,
      ...['-t', 'filter', '-A', 'DOCKER-ISOLATION-STAGE-1', '-i', bridge, '!', '-o', bridge],
      ...['-j', 'DOCKER-ISOLATION-STAGE-2'],
    ),
    ensure(apart, '-t', 'filter', '-I', 'DOCKER-ISOLATION-STAGE-2', '-o', bridge, '-j', 'DROP'),
  ];
}
