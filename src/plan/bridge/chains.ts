/**
 * The engine's own chains: away with those of an earlier run, in with new ones, and the jumps that lead to them.
 * In: a Script and a family. Out: steps that every generation has in this form. What chains there are is theirs to say.
 * Source: libnetwork iptables/iptables.go (Remove, NewChain, ProgramChain), alike from 17.06 to 29.
 */
import type { Family } from '../../net/addr.ts';
import { because, becauseTables, isHairpin, type Script } from './script.ts';
import { ensure, reason, remove, type Step } from './steps.ts';

const localDestination = ['-m', 'addrtype', '--dst-type', 'LOCAL'] as const;

/** What the host's own packets to loopback addresses go to. */
const loopback = { ipv4: '127.0.0.0/8', ipv6: '::1/128' } as const;

/** Removes the nat chain with the jumps to it, then these chains of the filter table. */
export function removeChains(
  script: Script,
  family: Family,
  filterChains: readonly string[],
): readonly Step[] {
  const why = reason('remove the chains of an earlier run', becauseTables(script, family));
  const jump = [...localDestination, '-j', 'DOCKER'];
  return [
    remove(why, '-t', 'nat', '-D', 'PREROUTING', ...jump),
    remove(
      why,
      ...['-t', 'nat', '-D', 'OUTPUT', ...localDestination],
      ...['!', '--dst', loopback[family], '-j', 'DOCKER'],
    ),
    remove(why, '-t', 'nat', '-D', 'OUTPUT', ...jump),
    remove(why, '-t', 'nat', '-D', 'PREROUTING'),
    remove(why, '-t', 'nat', '-D', 'OUTPUT'),
    remove(why, '-t', 'nat', '-F', 'DOCKER'),
    remove(why, '-t', 'nat', '-X', 'DOCKER'),
    ...filterChains.flatMap((chain) => [
      remove(why, '-t', 'filter', '-F', chain),
      remove(why, '-t', 'filter', '-X', chain),
    ]),
  ];
}

/** The jump to the one isolation chain of engines up to 18.04; later ones remove it first of all. */
export function removeOldIsolation(script: Script, family: Family): Step {
  const why = reason('remove the chains of an earlier run', becauseTables(script, family));
  return remove(why, '-t', 'filter', '-D', 'FORWARD', '-j', 'DOCKER-ISOLATION');
}

/** Makes the nat chain and these chains of the filter table. */
export function makeChains(script: Script, family: Family, filterChains: readonly string[]): readonly Step[] {
  const why = reason("make the engine's chains", becauseTables(script, family));
  return [
    ensure(why, '-t', 'nat', '-N', 'DOCKER'),
    ...filterChains.map((chain) => ensure(why, '-t', 'filter', '-N', chain)),
  ];
}

/** What falls through an isolation chain goes back. */
export function returnRule(script: Script, family: Family, chain: string): Step {
  return ensure(
    reason("make the engine's chains", becauseTables(script, family)),
    ...['-A', chain, '-j', 'RETURN'],
  );
}

/** Packets for the host's addresses go to the rules of published ports; the host's own to loopback only without the proxy. */
export function translationJumps(script: Script, family: Family): readonly Step[] {
  const tables = becauseTables(script, family);
  const published = reason('send packets for published ports to their rules', tables);
  const jump = [...localDestination, '-j', 'DOCKER'];
  return [
    ensure(published, '-t', 'nat', '-A', 'PREROUTING', ...jump),
    isHairpin(script)
      ? ensure(published, '-t', 'nat', '-A', 'OUTPUT', ...jump)
      : ensure(
          reason('leave loopback to the userland proxy', because(script, 'userland-proxy'), tables),
          ...['-t', 'nat', '-A', 'OUTPUT', ...jump, '!', '--dst', loopback[family]],
        ),
  ];
}

/**
 * What Windows sends to a mirrored WSL2 host's loopback arrives on loopback0; the userland proxy takes it, as it takes the
 * host's own. On other hosts the rule is removed (since 27.3, IPv4 alone).
 */
export function mirroredLoopback(script: Script, family: Family): readonly Step[] {
  if (family === 'ipv6') return [];
  const rule = ['-i', 'loopback0', '-d', '127.0.0.0/8', '-j', 'RETURN'];
  const tables = becauseTables(script, family);
  if (script.mirroredLoopback && !isHairpin(script)) {
    const why = reason(
      "leave Windows' loopback to the userland proxy",
      because(script, 'userland-proxy'),
      tables,
    );
    return [ensure(why, '-t', 'nat', '-I', 'DOCKER', ...rule)];
  }
  const why = reason('remove what only mirrored WSL2 hosts need', tables);
  return [remove(why, '-t', 'nat', '-D', 'DOCKER', ...rule)];
}
