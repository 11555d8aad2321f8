/**
 * Generation G1, engines 17.06.0 to 18.03.0 and 18.04: what dockerd does to iptables, command by command.
 * In: a Script. Out: steps in the engine's order. IPv4 only, as the engine was.
 * Sources: libnetwork of 17.06 (drivers/bridge/setup_ip_tables.go, iptables/iptables.go, firewall_linux.go) and its debug logs.
 */
import { formatAddr } from '../../net/addr.ts';
import { formatPrefix, type Prefix } from '../../net/prefix.ts';
import { isAtLeast } from '../../options/version.ts';
import { linkSteps } from './links.ts';
import type { BridgeEndpoint, BridgeNetwork } from './network.ts';
import {
  because,
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

/** Everything from the driver's start to the last container. */
export function g1Steps(script: Script): readonly Step[] {
  const uses = usesIptables(script);
  const networkSteps = (network: BridgeNetwork) =>
    uses ? stepsOfNetwork(script, network, script.networks.slice(0, script.networks.indexOf(network))) : [];
  const endpointSteps = (endpoint: BridgeEndpoint) => (uses ? stepsOfEndpoint(script, endpoint) : []);
  return [
    ...chainSetup(script),
    ...script.networks.filter(({ restored }) => restored).flatMap(networkSteps),
    ...restoredEndpoints(script).flatMap(endpointSteps),
    ...Array.from({ length: script.predefinedMade }, () => userChain(script)).flat(),
    ...script.networks
      .filter(({ restored }) => !restored)
      .flatMap((network) => [...networkSteps(network), ...userChain(script)]),
    ...madeEndpoints(script).flatMap(endpointSteps),
  ];
}

function chainSetup(script: Script): readonly Step[] {
  if (!usesIptables(script)) return [];
  const iptables = because(script, 'iptables');
  const clean = reason('remove the chains of an earlier run', iptables);
  const setup = reason("make the engine's chains", iptables);
  return [
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
    remove(clean, '-t', 'filter', '-F', 'DOCKER'),
    remove(clean, '-t', 'filter', '-X', 'DOCKER'),
    remove(clean, '-t', 'filter', '-F', 'DOCKER-ISOLATION'),
    remove(clean, '-t', 'filter', '-X', 'DOCKER-ISOLATION'),
    ensure(setup, '-t', 'nat', '-N', 'DOCKER'),
    ensure(setup, '-t', 'filter', '-N', 'DOCKER'),
    ensure(setup, '-t', 'filter', '-N', 'DOCKER-ISOLATION'),
    ensure(setup, '-A', 'DOCKER-ISOLATION', '-j', 'RETURN'),
    ...forwardPolicy(script),
  ];
}

function forwardPolicy(script: Script): readonly Step[] {
  if (!turnsForwardingOn(script)) return [];
  const why = reason(
    'drop forwarded packets that nothing accepts, since this host did not forward before',
    because(script, 'ip-forward'),
    because(script, 'iptables'),
  );
  return [always(why, '-t', 'filter', '-P', 'FORWARD', 'DROP')];
}

/** After every network that is made, whatever its driver, and even with iptables=false (controller.NewNetwork). */
function userChain(script: Script): readonly Step[] {
  const why = reason("keep the administrator's chain first", {
    setting: 'engine',
    value: script.options.engine,
    origin: { kind: 'default' },
  });
  return [
    ensure(why, '-t', 'filter', '-N', 'DOCKER-USER'),
    ensure(why, '-A', 'DOCKER-USER', '-j', 'RETURN'),
    ...jumpFirst(why, 'FORWARD', 'DOCKER-USER'),
  ];
}

function stepsOfNetwork(
  script: Script,
  network: BridgeNetwork,
  others: readonly BridgeNetwork[],
): readonly Step[] {
  const { subnet } = network;
  if (subnet === undefined) return [];
  const isolate = jumpFirst(
    reason('look at isolation before the rules of networks', network.because),
    'FORWARD',
    'DOCKER-ISOLATION',
  );
  if (network.internal.value) return [...internalNetwork(network, subnet.value), ...isolate];
  return [...externalNetwork(script, network, subnet.value), ...isolate, ...isolation(network, others)];
}

function internalNetwork(network: BridgeNetwork, subnet: Prefix): readonly Step[] {
  const { bridge } = network;
  const why = reason('keep an internal network to itself', network.internal.because, network.because);
  const prefix = formatPrefix(subnet);
  return [
    ensure(why, '-I', 'DOCKER-ISOLATION', '-i', bridge, '!', '-d', prefix, '-j', 'DROP'),
    ensure(why, '-I', 'DOCKER-ISOLATION', '-o', bridge, '!', '-s', prefix, '-j', 'DROP'),
    ...interContainer(network),
  ];
}

function externalNetwork(script: Script, network: BridgeNetwork, subnet: Prefix): readonly Step[] {
  const { bridge } = network;
  const proxy = because(script, 'userland-proxy');
  const iptables = because(script, 'iptables');
  const hairpin = isHairpin(script);
  const masquerade = reason(
    "give what leaves the network the host's address",
    network.masquerade.because,
    ...(network.subnet === undefined ? [] : [network.subnet.because]),
  );
  const skip = reason(
    "leave containers' packets for published ports to the userland proxy",
    network.masquerade.because,
    proxy,
  );
  const local = reason('let the host reach published ports without the userland proxy', proxy);
  const out = reason('let containers out', network.because);
  const published = reason('send packets for published ports to their rules', iptables);
  const notLoopback = hairpin ? [] : ['!', '--dst', '127.0.0.0/8'];
  const inward = reason("let published ports' packets in", network.because);
  const answers = reason('let answers in', network.because);
  return [
    ...(network.masquerade.value
      ? [
          ensure(
            masquerade,
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
              'MASQUERADE',
            ],
          ),
        ]
      : []),
    ...(network.masquerade.value && !hairpin
      ? [ensure(skip, '-t', 'nat', '-I', 'DOCKER', '-i', bridge, '-j', 'RETURN')]
      : []),
    ...(hairpin
      ? [
          ensure(
            local,
            ...['-t', 'nat', '-I', 'POSTROUTING', '-m', 'addrtype', '--src-type', 'LOCAL', '-o', bridge],
            ...['-j', 'MASQUERADE'],
          ),
        ]
      : []),
    ...interContainer(network),
    ensure(out, '-I', 'FORWARD', '-i', bridge, '!', '-o', bridge, '-j', 'ACCEPT'),
    ensure(published, '-t', 'nat', '-A', 'PREROUTING', ...localDestination, '-j', 'DOCKER'),
    ensure(
      hairpin ? published : reason('leave loopback to the userland proxy', proxy, iptables),
      ...['-t', 'nat', '-A', 'OUTPUT', ...localDestination, '-j', 'DOCKER', ...notLoopback],
    ),
    ensure(inward, '-I', 'FORWARD', '-o', bridge, '-j', 'DOCKER'),
    ensure(
      answers,
      ...[
        '-I',
        'FORWARD',
        '-o',
        bridge,
        '-m',
        'conntrack',
        '--ctstate',
        'RELATED,ESTABLISHED',
        '-j',
        'ACCEPT',
      ],
    ),
  ];
}

/** The accept goes to the top of FORWARD, the drop to its end. */
function interContainer(network: BridgeNetwork): readonly Step[] {
  const within = ['-i', network.bridge, '-o', network.bridge, '-j'];
  const why = reason(
    network.icc.value ? 'let containers of the network talk' : 'forbid containers of the network to talk',
    network.icc.because,
  );
  return network.icc.value
    ? [remove(why, '-D', 'FORWARD', ...within, 'DROP'), ensure(why, '-I', 'FORWARD', ...within, 'ACCEPT')]
    : [remove(why, '-D', 'FORWARD', ...within, 'ACCEPT'), ensure(why, '-A', 'FORWARD', ...within, 'DROP')];
}

/**
 * Two drops per pair of networks. The engine walks the other networks in the random order of a Go map; here they
 * come in the order of the networks. The rules never overlap, so their order changes no packet's fate.
 */
function isolation(network: BridgeNetwork, others: readonly BridgeNetwork[]): readonly Step[] {
  return others
    .filter((other) => !other.internal.value && other.bridge !== network.bridge && other.subnet !== undefined)
    .flatMap((other) => {
      const why = reason('keep networks apart', network.because, other.because);
      const apart = (from: BridgeNetwork, to: BridgeNetwork) =>
        ensure(why, '-I', 'DOCKER-ISOLATION', '-i', from.bridge, '-o', to.bridge, '-j', 'DROP');
      return [apart(network, other), apart(other, network)];
    });
}

function stepsOfEndpoint(script: Script, endpoint: BridgeEndpoint): readonly Step[] {
  return [...publishedPorts(endpoint).flatMap((port) => portSteps(script, port)), ...linkSteps(endpoint)];
}

function portSteps(script: Script, port: PublishedPort): readonly Step[] {
  const { binding, endpoint } = port;
  const { bridge } = endpoint.network;
  const { protocol } = binding;
  const container = formatAddr(port.containerAddress);
  const containerPort = String(binding.containerPort);
  const fromElsewhere = isHairpin(script) ? [] : ['!', '-i', bridge];
  const translate = reason(
    'translate a published port',
    port.because,
    port.addressBecause,
    because(script, 'userland-proxy'),
  );
  const open = reason('let a published port in', port.because);
  const self = reason("let a container reach its own published port by the host's address", port.because);
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
      ...fromElsewhere,
    ),
    ensure(
      open,
      ...['-t', 'filter', '-A', 'DOCKER', '!', '-i', bridge, '-o', bridge, '-p', protocol, '-d', container],
      ...['--dport', containerPort, '-j', 'ACCEPT'],
    ),
    ensure(
      self,
      ...['-t', 'nat', '-A', 'POSTROUTING', '-p', protocol, '-s', container, '-d', container],
      ...['--dport', containerPort, '-j', 'MASQUERADE'],
    ),
    ...(protocol === 'sctp' && isAtLeast(script.options.engine, '17.12')
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
