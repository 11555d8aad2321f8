/**
 * Candidates for names: the rules inside a container that lead to the engine's resolver, put back where they are missing. In: the
 * patient. Out: one candidate for each such container.
 */
import { formatRule } from '../../firewall/args.ts';
import { diffRulesets } from '../../firewall/diff.ts';
import { formatNftRule } from '../../firewall/nft/format.ts';
import { missingFrom } from '../../firewall/nft/merge.ts';
import { putBackNft } from '../../firewall/nft/put-back.ts';
import { putBack } from '../../firewall/put-back.ts';
import { findChain } from '../../firewall/ruleset.ts';
import type { StateChange } from '../../host/change.ts';
import type { Namespace } from '../../host/state.ts';
import { isDockerNftTable } from '../../plan/docker-rules.ts';
import { anyPort, type PlannedSandbox } from '../../plan/sandbox.ts';
import type { Candidate, Patient } from '../candidate.ts';
import { shellLine } from '../shell.ts';

/** A container whose rules that lead to the resolver are missing, and what would put them back. */
export interface LostNames {
  readonly container: string;
  /** As planned. */
  readonly rules: readonly string[];
  /** Undefined where no listing of sockets tells the resolver's port: then nobody but the engine can make them. */
  readonly change: StateChange | undefined;
}

export function lostNames({ expected, state }: Patient): readonly LostNames[] {
  return (expected?.plan.sandboxes ?? []).flatMap((planned): LostNames[] => {
    const ns = state.namespaces.find((n) => n.kind === 'container' && n.name === planned.name);
    const lost = ns === undefined || isUnlisted(ns) ? undefined : lostOf(ns, planned);
    if (ns === undefined || lost === undefined) return [];
    const portKnown = !lost.rules.some((text) => text.includes(anyPort));
    if (!portKnown && hasOwnPort(ns)) return [];
    return [{ container: ns.name, rules: lost.rules, change: portKnown ? lost.change : undefined }];
  });
}

/** Where the port is not known, rules that lead to any port are those that are planned. */
function hasOwnPort({ firewall, nft }: Namespace): boolean {
  const iptables = firewall.tables.flatMap((t) => findChain(t, 'DOCKER_OUTPUT')?.rules ?? []);
  const native = (nft?.tables ?? []).filter(({ name }) => isDockerNftTable(name));
  return iptables.length > 0 || native.some(({ chains }) => chains.some(({ rules }) => rules.length > 0));
}

export function nameFaultCandidates(patient: Patient): Candidate[] {
  return lostNames(patient).flatMap(({ change, ...lost }): Candidate[] =>
    change === undefined
      ? []
      : [
          {
            ...lostNamesMeaning(lost),
            key: `names ${lost.container}`,
            restriction: false,
            changes: [change],
            cost: 1,
            because: [],
          },
        ],
  );
}

/** What is said of it, proved or not. */
export function lostNamesMeaning({ container, rules }: Pick<LostNames, 'container' | 'rules'>) {
  const [rule = ''] = rules;
  return {
    cause: 'container-dns-rules-missing',
    params: { container, count: String(rules.length), rule },
    evidence: rules.slice(0, 3).map((text) => ({ file: 'plan', text })),
    repairs: [{ kind: 'command', change: shellLine(['docker', 'restart', container]) }],
  } as const;
}

function isUnlisted({ missing = [] }: Namespace): boolean {
  return missing.some(({ part }) => part === 'firewall');
}

/** What is planned for the namespace and not there, and what puts it back. */
function lostOf(
  ns: Namespace,
  { ruleset, nft }: PlannedSandbox,
): { readonly rules: readonly string[]; readonly change: StateChange } | undefined {
  const { missing } = diffRulesets(ruleset, ns.firewall);
  if (missing.length > 0) {
    const to = putBack(ns.firewall, ruleset, () => false);
    return {
      rules: missing.map(({ chain, rule }) => `-A ${chain} ${formatRule(rule)}`),
      change: { namespace: ns.name, kind: 'ruleset', from: ns.firewall, to },
    };
  }
  if (ns.nft === undefined) return undefined;
  const held = ns.nft;
  const lost = missingFrom(nft, held).tables.flatMap(({ chains }) =>
    chains.flatMap(({ name, rules }) => rules.map((rule) => `${name} ${formatNftRule(rule)}`)),
  );
  if (lost.length === 0) return undefined;
  return { rules: lost, change: { namespace: ns.name, kind: 'nft', from: held, to: putBackNft(held, nft) } };
}
