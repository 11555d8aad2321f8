/**
 * Rules of one published port: its translation, its opening, and what guards it.
 * In: a Script and a port. Out: steps, one subject each; generations choose and order them.
 * Sources: libnetwork iptables/iptables.go (Forward) up to 26, drivers/bridge/port_mapping_linux.go of 27 to 28.1,
 * drivers/bridge/internal/iptabler/port.go since.
 */
import { formatAddr, isLoopback } from '../../net/addr.ts';
import type { Because } from '../../net/reason.ts';
import { bracketed, type PublishedPort } from './ports.ts';
import { because, destinationArgument, engineIsAtLeast, isHairpin, type Script } from './script.ts';
import { appendOrRemove, ensure, reason, type Step } from './steps.ts';

/** DNAT; with the userland proxy not for the network's own containers, since 28.0 not for link-local senders. */
export function translate(script: Script, port: PublishedPort): Step {
  const { binding, side } = port;
  const why = reason(
    'translate a published port',
    port.because,
    port.addressBecause,
    because(script, 'userland-proxy'),
  );
  const linkLocal = side.family === 'ipv6' && engineIsAtLeast(script, '28.0');
  return ensure(
    why,
    ...['-t', 'nat', '-A', 'DOCKER', '-p', binding.protocol, '-d', destinationArgument(port.hostAddress)],
    ...['--dport', String(binding.hostPort), '-j', 'DNAT'],
    ...['--to-destination', `${bracketed(port.containerAddress)}:${binding.containerPort}`],
    ...(isHairpin(script) ? [] : ['!', '-i', side.bridge]),
    ...(linkLocal ? ['!', '-s', 'fe80::/10'] : []),
  );
}

/** A container that asks the host for its own port sees the host's address. Since 28.0 only without the userland proxy. */
export function masqueradeSelf(script: Script, port: PublishedPort): Step {
  const { binding } = port;
  const container = formatAddr(port.containerAddress);
  const since28 = engineIsAtLeast(script, '28.0');
  const why = reason(
    "let a container reach its own published port by the host's address",
    ...(since28 ? [because(script, 'userland-proxy')] : []),
    port.because,
  );
  return appendOrRemove(
    !since28 || isHairpin(script),
    why,
    'nat',
    'POSTROUTING',
    ...['-p', binding.protocol, '-s', container, '-d', container],
    ...['--dport', String(binding.containerPort), '-j', 'MASQUERADE'],
  );
}

/** Lets the port in from outside the network; before the network's own drop, which since 28.0 stands in the same chain. */
export function openPort(script: Script, port: PublishedPort): Step {
  const { binding, side } = port;
  const place = engineIsAtLeast(script, '28.0') ? '-I' : '-A';
  return ensure(
    reason('let a published port in', port.because),
    ...['-t', 'filter', place, 'DOCKER', '!', '-i', side.bridge, '-o', side.bridge, '-p', binding.protocol],
    ...['-d', formatAddr(port.containerAddress), '--dport', String(binding.containerPort), '-j', 'ACCEPT'],
  );
}

/** From 17.12 to 27 always, in 28 when asked for by environment, then no more. */
export function fillChecksum(script: Script, { binding, ...port }: PublishedPort): readonly Step[] {
  const asked = script.options.env.DOCKER_IPTABLES_SCTP_CHECKSUM === '1';
  const known = engineIsAtLeast(script, '17.12') && !engineIsAtLeast(script, '29.0');
  if (binding.protocol !== 'sctp' || !known || (engineIsAtLeast(script, '28.0') && !asked)) return [];
  return [
    ensure(
      reason('fill in the checksum that the translation broke', port.because),
      ...['-t', 'mangle', '-A', 'POSTROUTING', '-p', 'sctp', '--sport', String(binding.containerPort)],
      ...['-j', 'CHECKSUM', '--checksum-fill'],
    ),
  ];
}

/** The environment variable that forbids rules in the raw table, if it is set; 28.0.2 and later heed it. */
export function rawForbidden(script: Script): Because | undefined {
  const name = 'DOCKER_INSECURE_NO_IPTABLES_RAW';
  const value = script.options.env[name];
  return value === '1' && engineIsAtLeast(script, '28.0.2')
    ? { setting: name, value, origin: { kind: 'env', name } }
    : undefined;
}

/** A port published on loopback must not be reached from outside, which route_localnet would allow (IPv4 alone). */
export function guardLoopback(script: Script, port: PublishedPort): readonly Step[] {
  const { hostAddress, binding } = port;
  if (rawForbidden(script) !== undefined || hostAddress.family === 'ipv6' || !isLoopback(hostAddress))
    return [];
  const why = reason('keep other hosts from a port published on loopback', port.because, port.addressBecause);
  const match = ['-p', binding.protocol, '-d', formatAddr(hostAddress), '--dport', String(binding.hostPort)];
  const fromWindows = [...match, '-i', 'loopback0', '-j', 'ACCEPT'];
  return [
    appendOrRemove(script.mirroredLoopback, why, 'raw', 'PREROUTING', ...fromWindows),
    ensure(why, '-t', 'raw', '-A', 'PREROUTING', ...match, '!', '-i', 'lo', '-j', 'DROP'),
  ];
}

/** 28.0 and 28.1 keep other hosts from the container's own address port by port; later ones take that back. */
export function guardPort(script: Script, port: PublishedPort, wanted: boolean): readonly Step[] {
  const { side, binding } = port;
  const mode = side.gatewayMode.value;
  if (rawForbidden(script) !== undefined || mode === 'nat-unprotected' || mode === 'routed') return [];
  const why = wanted
    ? reason("keep other hosts from the container's own address", side.gatewayMode.because, port.because)
    : reason('remove what 28.0.0 made', port.because);
  return [
    appendOrRemove(
      wanted,
      why,
      'raw',
      'PREROUTING',
      ...['-p', binding.protocol, '-d', formatAddr(port.containerAddress)],
      ...['--dport', String(binding.containerPort), '!', '-i', side.bridge, '-j', 'DROP'],
    ),
  ];
}
