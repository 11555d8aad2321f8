/**
 * Generation G9, engines 28.2.2 to 28.5: what dockerd does to iptables, command by command.
 * In: a Script. Out: steps in the engine's order, IPv4 only. Network-level rules are in `g9-network.ts`.
 * Sources: moby 28.5.2 (libnetwork/drivers/bridge/internal/iptabler, libnetwork/firewall_linux.go) and its debug logs.
 */
import { formatAddr, isLoopback } from '../../net/addr.ts';
import type { Because, Reason } from '../../net/reason.ts';
import { networkSteps } from './g9-network.ts';
import { linkSteps } from './links.ts';
import type { BridgeEndpoint, BridgeNetwork } from './network.ts';
import {
  because,
  becauseEndpoint,
  destinationArgument,
  isHairpin,
  madeEndpoints,
  type PublishedPort,
  publishedPorts,
  restoredEndpoints,
  type Script,
  turnsForwardingOn,
  usesIptables,
} from './script.ts';
import { always, ensure, jumpFirst, reason, remove, type Step } from './steps.ts';

const localDestination = ['-m', 'addrtype', '--dst-type', 'LOCAL'] as const;

/** Filter chains in the order in which they are made. */
const filterChains = [
  'DOCKER',
  'DOCKER-FORWARD',
  'DOCKER-BRIDGE',
  'DOCKER-CT',
  'DOCKER-ISOLATION-STAGE-1',
  'DOCKER-ISOLATION-STAGE-2',
] as const;

/** Everything from the driver's start to the last container. Nothing at all without iptables. */
export function g9Steps(script: Script): readonly Step[] {
  if (!usesIptables(script)) return [];
  const restored = script.networks.filter((network) => network.restored);
  const made = script.networks.filter((network) => !network.restored);
  // Forwarding is turned on with the first network that has IPv4, wherever it comes from.
  const first = [...restored, ...made].find((network) => network.subnet !== undefined);
  const steps = (network: BridgeNetwork) => [
    ...(network === first ? forwardPolicy(script) : []),
    ...networkSteps(script, network),
  ];
  return [
    ...chainSetup(script),
    ...restored.flatMap(steps),
    ...restoredEndpoints(script).flatMap((endpoint) => endpointSteps(script, endpoint)),
    ...userChain(script),
    ...made.flatMap(steps),
    ...madeEndpoints(script).flatMap((endpoint) => endpointSteps(script, endpoint)),
  ];
}

function chainSetup(script: Script): readonly Step[] {
  const iptables = because(script, 'iptables');
  const proxy = because(script, 'userland-proxy');
  const clean = reason('remove the chains of an earlier run', iptables);
  const setup = reason("make the engine's chains", iptables);
  const published = reason('send packets for published ports to their rules', iptables);
  const old = reason('remove what 28.0.0 made', iptables);
  const hairpin = isHairpin(script);
  return [
    remove(clean, '-t', 'filter', '-D', 'FORWARD', '-j', 'DOCKER-ISOLATION'),
    remove(clean, '-t', 'nat', '-D', 'PREROUTING', ...localDestination, '-j', 'DOCKER'),
    remove(
      clean,
      '-t',
      'nat',
      '-D',
      'OUTPUT',
      ...localDestination,
      '!',
      '--dst',
      '127.0.0.0/8',
      '-j',
      'DOCKER',
    ),
    remove(clean, '-t', 'nat', '-D', 'OUTPUT', ...localDestination, '-j', 'DOCKER'),
    remove(clean, '-t', 'nat', '-D', 'PREROUTING'),
    remove(clean, '-t', 'nat', '-D', 'OUTPUT'),
    remove(clean, '-t', 'nat', '-F', 'DOCKER'),
    remove(clean, '-t', 'nat', '-X', 'DOCKER'),
    ...[...filterChains, 'DOCKER-ISOLATION'].flatMap((chain) => [
      remove(clean, '-t', 'filter', '-F', chain),
      remove(clean, '-t', 'filter', '-X', chain),
    ]),
    ensure(setup, '-t', 'nat', '-N', 'DOCKER'),
    ...filterChains.map((chain) => ensure(setup, '-t', 'filter', '-N', chain)),
    ensure(published, '-t', 'nat', '-A', 'PREROUTING', ...localDestination, '-j', 'DOCKER'),
    hairpin
      ? ensure(published, '-t', 'nat', '-A', 'OUTPUT', ...localDestination, '-j', 'DOCKER')
      : ensure(
          reason('leave loopback to the userland proxy', proxy, iptables),
          ...['-t', 'nat', '-A', 'OUTPUT', ...localDestination, '-j', 'DOCKER', '!', '--dst', '127.0.0.0/8'],
        ),
    ...jumpFirst(setup, 'FORWARD', 'DOCKER-FORWARD'),
    ...jumpFirst(setup, 'DOCKER-FORWARD', 'DOCKER-BRIDGE'),
    ...jumpFirst(setup, 'DOCKER-FORWARD', 'DOCKER-ISOLATION-STAGE-1'),
    ...jumpFirst(setup, 'DOCKER-FORWARD', 'DOCKER-CT'),
    remove(old, '-t', 'nat', '-D', 'DOCKER', '-i', 'loopback0', '-d', '127.0.0.0/8', '-j', 'RETURN'),
    remove(
      old,
      ...[
        '-t',
        'filter',
        '-D',
        'FORWARD',
        '-m',
        'set',
        '--match-set',
        'docker-ext-bridges-v4',
        'dst',
        '-j',
        'DOCKER',
      ],
    ),
    remove(old, '-t', 'filter', '-D', 'FORWARD', '-j', 'DOCKER-ISOLATION-STAGE-1'),
    remove(
      old,
      ...['-t', 'filter', '-D', 'FORWARD', '-m', 'set', '--match-set', 'docker-ext-bridges-v4', 'dst'],
      ...['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT'],
    ),
  ];
}

/** DOCKER_FIREWALL_BACKEND=nftables leaves this chain out, and in 28.x nothing else (captures of 28.5.2). */
function userChain(script: Script): readonly Step[] {
  if (script.options.env.DOCKER_FIREWALL_BACKEND === 'nftables') return [];
  const why = reason("keep the administrator's chain first", because(script, 'iptables'));
  return [ensure(why, '-t', 'filter', '-N', 'DOCKER-USER'), ...jumpFirst(why, 'FORWARD', 'DOCKER-USER')];
}

function forwardPolicy(script: Script): readonly Step[] {
  if (!turnsForwardingOn(script) || script.options.settings['ip-forward-no-drop'].value) return [];
  const why = reason(
    'drop forwarded packets that nothing accepts, since this host did not forward before',
    because(script, 'ip-forward'),
    because(script, 'ip-forward-no-drop'),
    because(script, 'iptables'),
  );
  return [always(why, '-t', 'filter', '-P', 'FORWARD', 'DROP')];
}

function endpointSteps(script: Script, endpoint: BridgeEndpoint): readonly Step[] {
  return [
    ...directAccess(script, endpoint),
    ...publishedPorts(endpoint).flatMap((port) => portSteps(script, port)),
    ...linkSteps(endpoint),
  ];
}

/** The environment variable that forbids rules in the raw table, if it is set. */
function rawForbidden(script: Script): Because | undefined {
  const name = 'DOCKER_INSECURE_NO_IPTABLES_RAW';
  const value = script.options.env[name];
  return value === '1' ? { setting: name, value, origin: { kind: 'env', name } } : undefined;
}

/** Packets from elsewhere that are addressed to the container itself are dropped before routing. */
function directAccess(script: Script, endpoint: BridgeEndpoint): readonly Step[] {
  const { network, address } = endpoint;
  const { gatewayMode, trustedInterfaces } = network;
  if (address === undefined || network.internal.value) return [];
  if (gatewayMode.value === 'nat-unprotected' || gatewayMode.value === 'routed') return [];
  const forbidden = rawForbidden(script);
  const allowed = script.options.settings['allow-direct-routing'].value;
  const decided = forbidden ?? because(script, 'allow-direct-routing');
  const container = becauseEndpoint(endpoint);
  const trust = reason(
    'let a trusted interface reach the container directly',
    trustedInterfaces.because,
    container,
  );
  const refuse = reason("keep other hosts from the container's own address", decided, container);
  const rule = (why: Reason, ...args: readonly string[]) => {
    const full = ['PREROUTING', '-d', formatAddr(address), ...args];
    return allowed || forbidden !== undefined
      ? remove(why, '-t', 'raw', '-D', ...full)
      : ensure(why, '-t', 'raw', '-A', ...full);
  };
  return [
    ...trustedInterfaces.value.map((name) => rule(trust, '-i', name, '-j', 'ACCEPT')),
    rule(refuse, '!', '-i', network.bridge, '-j', 'DROP'),
  ];
}

function portSteps(script: Script, port: PublishedPort): readonly Step[] {
  const { binding, endpoint } = port;
  const { network } = endpoint;
  const mapped = network.gatewayMode.value !== 'routed' && binding.hostPort !== 0;
  return [
    ...(mapped ? loopbackSteps(script, port) : []),
    ...legacyDirectAccess(script, port),
    ...(mapped ? translation(script, port) : []),
    ...(network.gatewayMode.value === 'nat-unprotected' ? [] : opening(script, port)),
  ];
}

/** A port published on loopback must not be reached from outside, which route_localnet would allow. */
function loopbackSteps(script: Script, port: PublishedPort): readonly Step[] {
  if (rawForbidden(script) !== undefined || !isLoopback(port.hostAddress)) return [];
  const why = reason('keep other hosts from a port published on loopback', port.because, port.addressBecause);
  const match = ['-p', port.binding.protocol, '-d', formatAddr(port.hostAddress)];
  const toPort = ['--dport', String(port.binding.hostPort)];
  return [
    remove(why, '-t', 'raw', '-D', 'PREROUTING', ...match, ...toPort, '-i', 'loopback0', '-j', 'ACCEPT'),
    ensure(why, '-t', 'raw', '-A', 'PREROUTING', ...match, ...toPort, '!', '-i', 'lo', '-j', 'DROP'),
  ];
}

/** 28.0.0 dropped direct access port by port; what it left is removed. */
function legacyDirectAccess(script: Script, port: PublishedPort): readonly Step[] {
  const { network } = port.endpoint;
  const mode = network.gatewayMode.value;
  if (rawForbidden(script) !== undefined || mode === 'nat-unprotected' || mode === 'routed') return [];
  return [
    remove(
      reason('remove what 28.0.0 made', port.because),
      ...[
        '-t',
        'raw',
        '-D',
        'PREROUTING',
        '-p',
        port.binding.protocol,
        '-d',
        formatAddr(port.containerAddress),
      ],
      ...['--dport', String(port.binding.containerPort), '!', '-i', network.bridge, '-j', 'DROP'],
    ),
  ];
}

function translation(script: Script, port: PublishedPort): readonly Step[] {
  const { binding, endpoint } = port;
  const { protocol } = binding;
  const container = formatAddr(port.containerAddress);
  const containerPort = String(binding.containerPort);
  const proxy = because(script, 'userland-proxy');
  const hairpin = isHairpin(script);
  const translate = reason('translate a published port', port.because, port.addressBecause, proxy);
  const self = reason(
    "let a container reach its own published port by the host's address",
    proxy,
    port.because,
  );
  const own = ['POSTROUTING', '-p', protocol, '-s', container, '-d', container, '--dport', containerPort];
  return [
    ensure(
      translate,
      ...['-t', 'nat', '-A', 'DOCKER', '-p', protocol, '-d', destinationArgument(port.hostAddress)],
      ...[
        '--dport',
        String(binding.hostPort),
        '-j',
        'DNAT',
        '--to-destination',
        `${container}:${containerPort}`,
      ],
      ...(hairpin ? [] : ['!', '-i', endpoint.network.bridge]),
    ),
    hairpin
      ? ensure(self, '-t', 'nat', '-A', ...own, '-j', 'MASQUERADE')
      : remove(self, '-t', 'nat', '-D', ...own, '-j', 'MASQUERADE'),
  ];
}

function opening(script: Script, port: PublishedPort): readonly Step[] {
  const { binding, endpoint } = port;
  const { bridge } = endpoint.network;
  const containerPort = String(binding.containerPort);
  const checksum = binding.protocol === 'sctp' && script.options.env.DOCKER_IPTABLES_SCTP_CHECKSUM === '1';
  return [
    ensure(
      reason('let a published port in', port.because),
      ...['-t', 'filter', '-I', 'DOCKER', '!', '-i', bridge, '-o', bridge, '-p', binding.protocol],
      ...['-d', formatAddr(port.containerAddress), '--dport', containerPort, '-j', 'ACCEPT'],
    ),
    ...(checksum
      ? [
          ensure(
            reason('fill in the checksum that the translation broke', port.because),
            ...['-t', 'mangle', '-A', 'POSTROUTING', '-p', 'sctp', '--sport', containerPort],
            ...['-j', 'CHECKSUM', '--checksum-fill'],
          ),
        ]
      : []),
  ];
}
