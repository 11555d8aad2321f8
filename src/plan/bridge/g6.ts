/**
 * Generation G6, engine 28.0.0 alone: sets of subnets in FORWARD, a drop at the end of DOCKER, ports guarded one by one.
 * In: a Script. Out: steps in the engine's order. The ipsets themselves (docker-ext-bridges-v4 and -v6) are no rules.
 * Source: moby 28.0.0, libnetwork/drivers/bridge/setup_ip_tables_linux.go.
 */
import type { Family } from '../../net/addr.ts';
import { makeChains, removeChains, removeOldIsolation, translationJumps } from './chains.ts';
import { answersOnly, stage1, stage2 } from './isolation.ts';
import { becauseTables, type Script } from './script.ts';
import { courseSince28, type LayoutSince28 } from './since-28.ts';
import { always, type Course, jumpFirst, reason, remove, type Step } from './steps.ts';

const chains = ['DOCKER', stage1, stage2] as const;

/** Packets into the subnets of networks that are not internal. */
export function intoNetworks(family: Family): readonly string[] {
  return ['-m', 'set', '--match-set', `docker-ext-bridges-v${family === 'ipv4' ? 4 : 6}`, 'dst'];
}

/** Each is put first, so that answers come first in the end. */
function forwardJumps(script: Script, family: Family): readonly Step[] {
  const why = reason("make the engine's chains", becauseTables(script, family));
  const first = (...rule: readonly string[]) => [
    remove(why, '-t', 'filter', '-D', 'FORWARD', ...rule),
    always(why, '-t', 'filter', '-I', 'FORWARD', ...rule),
  ];
  return [
    ...first(...intoNetworks(family), '-j', 'DOCKER'),
    ...jumpFirst(why, 'FORWARD', stage1),
    ...first(...intoNetworks(family), ...answersOnly, '-j', 'ACCEPT'),
  ];
}

const layout: LayoutSince28 = {
  network: { forward: 'FORWARD', internal: stage1, stages: true },
  chains: (script, family) => [
    removeOldIsolation(script, family),
    ...removeChains(script, family, [...chains, 'DOCKER-ISOLATION']),
    ...makeChains(script, family, chains),
    ...translationJumps(script, family),
    ...forwardJumps(script, family),
  ],
  oldRules: () => [],
  guards: 'ports',
  userChain: 'returns',
};

export function g6Course(script: Script): Course {
  return courseSince28(script, layout);
}
