/**
 * What the engine asks of firewalld where that runs: a zone of its own, a policy that lets packets into it, and its bridges in the zone.
 * In: a Script. Out: operations in the engine's order, none before 20.10: those pass their iptables commands through firewalld and no more.
 * Zone and policy are permanent, members are not: the engine puts them back when firewalld was reloaded.
 * Sources: libnetwork iptables/firewalld.go of 20.10, 27.0 and 29.7, and who calls AddInterfaceFirewalld there.
 */
import type { Reason } from '../../net/reason.ts';
import {
  becauseEngine,
  engineIsAtLeast,
  madeNetworks,
  restoredNetworks,
  type Script,
  usedFamilies,
} from './script.ts';
import { reason } from './steps.ts';

export type FirewalldOperation = { readonly reason: Reason } & (
  | { readonly kind: 'add-zone'; readonly zone: string; readonly target: 'ACCEPT' }
  | {
      readonly kind: 'add-policy';
      readonly policy: string;
      readonly from: string;
      readonly to: string;
      readonly target: 'ACCEPT';
    }
  | { readonly kind: 'add-interface'; readonly zone: string; readonly interface: string }
);

const zone = 'docker';

/** Without rules of its own the engine does not ask for firewalld. Internal networks' bridges are in the zone since 25.0.2. */
export function plannedFirewalld(script: Script): readonly FirewalldOperation[] {
  const families = usedFamilies(script);
  if (!engineIsAtLeast(script, '20.10') || families.length === 0) return [];
  const engine = becauseEngine(script);
  const bridges = [...restoredNetworks(script), ...madeNetworks(script)].filter(
    ({ internal, sides }) =>
      families.some((family) => sides[family] !== undefined) &&
      (!internal.value || engineIsAtLeast(script, '25.0.2')),
  );
  return [
    {
      kind: 'add-zone',
      zone,
      target: 'ACCEPT',
      reason: reason('leave its bridges to its own rules', engine),
    },
    ...(engineIsAtLeast(script, '27.0')
      ? [
          {
            kind: 'add-policy' as const,
            policy: 'docker-forwarding',
            from: 'ANY',
            to: zone,
            target: 'ACCEPT' as const,
            reason: reason('leave packets into its bridges to its own rules', engine),
          },
        ]
      : []),
    ...bridges.map((network) => ({
      kind: 'add-interface' as const,
      zone,
      interface: network.bridge,
      reason: reason("put the network's bridge into the engine's zone", network.because),
    })),
  ];
}

/** The same as a person would type it, without the program's name. */
export function firewallCmd(operation: FirewalldOperation): readonly (readonly string[])[] {
  switch (operation.kind) {
    case 'add-zone':
      return [
        ['--permanent', `--new-zone=${operation.zone}`],
        ['--permanent', `--zone=${operation.zone}`, `--set-target=${operation.target}`],
      ];
    case 'add-policy': {
      const own = ['--permanent', `--policy=${operation.policy}`];
      return [
        ['--permanent', `--new-policy=${operation.policy}`],
        [...own, `--set-target=${operation.target}`],
        [...own, `--add-ingress-zone=${operation.from}`],
        [...own, `--add-egress-zone=${operation.to}`],
      ];
    }
    case 'add-interface':
      return [[`--zone=${operation.zone}`, `--add-interface=${operation.interface}`]];
  }
}
