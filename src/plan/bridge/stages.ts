/**
 * Generations G2 to G5, engines 18.03.1 to 27: isolation in two stages, two rules per network.
 * In: a Script. Out: steps in the engine's order, those of `until-27.ts` around what each generation does differently.
 * Sources: libnetwork of 18.09, 20.10, 23.0 and 27.5 (drivers/bridge/setup_ip_tables*.go, firewall_linux.go).
 */
import { makeChains, mirroredLoopback, removeChains, removeOldIsolation, returnRule } from './chains.ts';
import { apartByStages, stage1, stage2 } from './isolation.ts';
import { engineIsAtLeast, type Script, usedFamilies } from './script.ts';
import type { Course } from './steps.ts';
import { courseUntil27, type LayoutUntil27, onlyIpv4, userChainAlways, userChainsOf } from './until-27.ts';

const chains = ['DOCKER', stage1, stage2] as const;

const stages: Omit<LayoutUntil27, 'families' | 'userChains'> = {
  chains: (script, family) => [
    removeOldIsolation(script, family),
    ...removeChains(script, family, [...chains, 'DOCKER-ISOLATION']),
    ...makeChains(script, family, chains),
    returnRule(script, family, stage1),
    returnRule(script, family, stage2),
    ...(engineIsAtLeast(script, '27.3') ? mirroredLoopback(script, family) : []),
  ],
  isolationChain: stage1,
  isolation: (network) => apartByStages(network, '-I'),
};

/** 18.03.1 to 19.03: IPv4 only, DOCKER-USER even with iptables=false. */
const g2: LayoutUntil27 = { ...stages, families: onlyIpv4, userChains: userChainAlways };

/** 20.10: ip6tables comes in, without a DOCKER-USER there. */
const g3: LayoutUntil27 = {
  ...stages,
  families: usedFamilies,
  userChains: (script) => userChainsOf(script, onlyIpv4(script)),
};

/** 23.0 to 26: DOCKER-USER in both. 27 has gateway modes and ip6tables by default: network options and Options know. */
const g4: LayoutUntil27 = {
  ...stages,
  families: usedFamilies,
  userChains: (script) => userChainsOf(script, usedFamilies(script)),
};

export function g2Course(script: Script): Course {
  return courseUntil27(script, g2);
}

export function g3Course(script: Script): Course {
  return courseUntil27(script, g3);
}

/** G5 writes the same steps: what it adds are settings. */
export function g4Course(script: Script): Course {
  return courseUntil27(script, g4);
}
