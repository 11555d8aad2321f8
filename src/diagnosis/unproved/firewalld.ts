/**
 * Bridges in another zone of firewalld than the engine puts them into. In: a case. Out: a warning: the engine that finds them so when it
 * restores a network stops midway, or leaves them. What the other zone stops is found by the walks.
 */
import { bridgeNames } from '../../drift/networks.ts';
import { firewalldMembers } from '../../host/firewalld.ts';
import { isAtLeast } from '../../options/version.ts';
import { shellLine } from '../shell.ts';
import type { Detector } from './case.ts';

/** The zone that engines make for their bridges since 20.10. */
const ownZone = 'docker';

export const otherZones: Detector = ({ host, state, expected }) => {
  const members = host === undefined ? undefined : firewalldMembers(host);
  if (members === undefined || expected === undefined || !isAtLeast(expected.options.engine, '20.10'))
    return [];
  if (!expected.options.settings.iptables.value) return [];
  const wrong = [...bridgeNames({ state, expected }).keys()].flatMap((bridge) => {
    const zone = members.get(bridge);
    return zone === undefined || zone === ownZone ? [] : [{ bridge, zone }];
  });
  return wrong.map(({ bridge, zone }) => ({
    cause: 'firewalld-zone-mismatch',
    severity: 'warning',
    params: { bridge, zone },
    hop: bridge,
    evidence: [{ file: 'nft-ruleset.json', text: `iifname "${bridge}" goto filter_IN_${zone}` }],
    repairs: [
      {
        kind: 'command',
        change: [[], ['--permanent']]
          .map((lasting) =>
            shellLine(['firewall-cmd', ...lasting, `--zone=${ownZone}`, `--change-interface=${bridge}`]),
          )
          .join('\n'),
      },
    ],
    decide: shellLine(['firewall-cmd', `--get-zone-of-interface=${bridge}`]),
  }));
};
