/**
 * Generation G10, engine 29 with iptables: networks reach each other's published ports, only internal ones have a chain of drops.
 * In: a Script. Out: steps in the engine's order, those of `since-28.ts` with the chains of this engine.
 * Source: moby 29.7.2, daemon/libnetwork/drivers/bridge/internal/iptabler.
 */
import { makeChains, removeChains, removeOldIsolation, translationJumps } from './chains.ts';
import { forwardChainJumps, withoutOldForwarding } from './g9.ts';
import { stage1, stage2 } from './isolation.ts';
import type { Script } from './script.ts';
import { courseSince28, type LayoutSince28 } from './since-28.ts';
import type { Course } from './steps.ts';

const chains = ['DOCKER', 'DOCKER-FORWARD', 'DOCKER-BRIDGE', 'DOCKER-CT', 'DOCKER-INTERNAL'] as const;

/** In another order than they are made: DOCKER goes when nothing jumps to it any more. */
export const oldChains = [
  ...['DOCKER-FORWARD', 'DOCKER-BRIDGE', 'DOCKER', 'DOCKER-CT', 'DOCKER-INTERNAL'],
  ...[stage1, stage2, 'DOCKER-ISOLATION'],
];

export const g10Layout: LayoutSince28 = {
  network: { forward: 'DOCKER-FORWARD', internal: 'DOCKER-INTERNAL', stages: false },
  chains: (script, family) => [
    removeOldIsolation(script, family),
    ...removeChains(script, family, oldChains),
    ...makeChains(script, family, chains),
    ...translationJumps(script, family),
    ...forwardChainJumps(script, family, ['DOCKER-BRIDGE', 'DOCKER-INTERNAL', 'DOCKER-CT']),
  ],
  oldRules: withoutOldForwarding,
  guards: 'endpoints',
  userChain: 'ends',
};

export function g10Course(script: Script): Course {
  return courseSince28(script, g10Layout);
}
