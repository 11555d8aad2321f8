/**
 * Generation G1, engines 17.06.0 to 18.03.0 and 18.04: one isolation chain with two drops per pair of networks, IPv4 only.
 * In: a Script. Out: steps in the engine's order, those of `until-27.ts` around what is particular here.
 * Source: libnetwork of 17.06 (drivers/bridge/setup_ip_tables.go, firewall_linux.go).
 */
import { makeChains, removeChains, returnRule } from './chains.ts';
import { apartByPairs } from './isolation.ts';
import type { Script } from './script.ts';
import type { Course } from './steps.ts';
import { courseUntil27, type LayoutUntil27, onlyIpv4, userChainAlways } from './until-27.ts';

const chains = ['DOCKER', 'DOCKER-ISOLATION'] as const;

const layout: LayoutUntil27 = {
  families: onlyIpv4,
  chains: (script, family) => [
    ...removeChains(script, family, chains),
    ...makeChains(script, family, chains),
    returnRule(script, family, 'DOCKER-ISOLATION'),
  ],
  isolationChain: 'DOCKER-ISOLATION',
  isolation: apartByPairs,
  userChains: userChainAlways,
};

export function g1Course(script: Script): Course {
  return courseUntil27(script, layout);
}
