/**
 * FORWARD's policy and the administrator's chain DOCKER-USER: what the engine does there besides its own chains.
 * In: a Script and a family. Out: steps. When they are run is each generation's subject.
 * Sources: libnetwork drivers/bridge/setup_ip_forwarding.go and firewall_linux.go of 17.06 to 29.7.
 */
import type { Family } from '../../net/addr.ts';
import type { Because } from '../../net/reason.ts';
import { because, becauseTables, engineIsAtLeast, type Script } from './script.ts';
import { always, ensure, jumpFirst, reason, type Step } from './steps.ts';

/** Drops what nothing accepts, because the engine turned forwarding on. */
export function dropForwarded(script: Script, family: Family): Step {
  return always(
    reason(
      'drop forwarded packets that nothing accepts, since this host did not forward before',
      because(script, 'ip-forward'),
      ...(engineIsAtLeast(script, '28.0') ? [because(script, 'ip-forward-no-drop')] : []),
      becauseTables(script, family),
    ),
    ...['-t', 'filter', '-P', 'FORWARD', 'DROP'],
  );
}

/** 20.10 to 27 drop what ip6tables does not accept on every host, forwarding before or not. */
export function dropForwardedIpv6(script: Script): Step {
  return always(
    reason(
      'drop forwarded IPv6 packets that nothing accepts',
      because(script, 'ip-forward'),
      because(script, 'ip6tables'),
    ),
    ...['-t', 'filter', '-P', 'FORWARD', 'DROP'],
  );
}

/** DOCKER-USER, first in FORWARD; until 28.2.1 the engine ends it with a RETURN, which changes nothing. */
export function userChain(cause: Because, ending: 'returns' | 'ends'): readonly Step[] {
  const why = reason("keep the administrator's chain first", cause);
  return [
    ensure(why, '-t', 'filter', '-N', 'DOCKER-USER'),
    ...(ending === 'returns' ? [ensure(why, '-A', 'DOCKER-USER', '-j', 'RETURN')] : []),
    ...jumpFirst(why, 'FORWARD', 'DOCKER-USER'),
  ];
}
