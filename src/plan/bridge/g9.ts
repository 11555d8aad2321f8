/**
 * Generations G7 to G9, engines 28.0.1 to 28.5: all rules of networks below DOCKER-FORWARD.
 * In: a Script. Out: steps in the engine's order, those of `since-28.ts` with the chains of these engines.
 * Sources: moby 28.0.1, 28.2.0 and 28.5.2 (libnetwork/drivers/bridge, its internal/iptabler, libnetwork/firewall_linux.go).
 */
import type { Family } from '../../net/addr.ts';
import { makeChains, removeChains, removeOldIsolation, translationJumps } from './chains.ts';
import { intoNetworks } from './g6.ts';
import { answersOnly, stage1, stage2 } from './isolation.ts';
import { becauseTables, engineIsAtLeast, type Script } from './script.ts';
import { courseSince28, type LayoutSince28 } from './since-28.ts';
import { type Course, jumpFirst, reason, remove, type Step } from './steps.ts';

const chains = ['DOCKER', 'DOCKER-FORWARD', 'DOCKER-BRIDGE', 'DOCKER-CT', stage1, stage2] as const;

/** 28.0.1 forgets two of its chains. */
function oldChains(script: Script): readonly string[] {
  const forgotten = engineIsAtLeast(script, '28.0.2') ? [] : ['DOCKER-BRIDGE', 'DOCKER-CT'];
  return [...chains.filter((chain) => !forgotten.includes(chain)), 'DOCKER-ISOLATION'];
}

/** FORWARD to DOCKER-FORWARD, and from there to these chains; each is put first, so the last comes first in the end. */
export function forwardChainJumps(script: Script, family: Family, inner: readonly string[]): readonly Step[] {
  const why = reason("make the engine's chains", becauseTables(script, family));
  return [
    ...jumpFirst(why, 'FORWARD', 'DOCKER-FORWARD'),
    ...inner.flatMap((chain) => jumpFirst(why, 'DOCKER-FORWARD', chain)),
  ];
}

/** The rules of 28.0.0 and the isolation jump of engines up to 28.0.0. */
export function withoutOldForwarding(script: Script, family: Family): readonly Step[] {
  const why = reason('remove what 28.0.0 made', becauseTables(script, family));
  return [
    remove(why, '-t', 'filter', '-D', 'FORWARD', ...intoNetworks(family), '-j', 'DOCKER'),
    remove(why, '-t', 'filter', '-D', 'FORWARD', '-j', stage1),
    remove(why, '-t', 'filter', '-D', 'FORWARD', ...intoNetworks(family), ...answersOnly, '-j', 'ACCEPT'),
  ];
}

const g9: LayoutSince28 = {
  network: { forward: 'DOCKER-FORWARD', internal: stage1, stages: true },
  chains: (script, family) => [
    removeOldIsolation(script, family),
    ...removeChains(script, family, oldChains(script)),
    ...makeChains(script, family, chains),
    ...translationJumps(script, family),
    ...forwardChainJumps(script, family, ['DOCKER-BRIDGE', stage1, 'DOCKER-CT']),
  ],
  oldRules: withoutOldForwarding,
  guards: 'endpoints',
  userChain: 'ends',
};

/** 28.2.0 and 28.2.1: DOCKER-USER still ends with a RETURN. */
const g8: LayoutSince28 = { ...g9, userChain: 'returns' };

/** 28.0.1 to 28.1: containers' addresses are guarded port by port. */
const g7: LayoutSince28 = { ...g8, guards: 'ports' };

export function g7Course(script: Script): Course {
  return courseSince28(script, g7);
}

export function g8Course(script: Script): Course {
  return courseSince28(script, g8);
}

export function g9Course(script: Script): Course {
  return courseSince28(script, g9);
}
