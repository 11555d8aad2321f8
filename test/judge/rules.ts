/**
 * Judges rules: the plan of a capture against what iptables-save showed, and `nft -j list ruleset` where the engine makes native
 * tables. In: facts. Out: a verdict for each family. Counters, handles and comments of iptables do not count, nor the order of the
 * isolation pairs of 17.06, which is that of a Go map, nor rules of iptables where the engine makes none.
 */
import { formatRule } from '../../src/firewall/args.ts';
import { emptyNftRuleset, type NftRuleset, nftFamilies } from '../../src/firewall/nft/model.ts';
import { nftLines } from '../../src/firewall/nft/print.ts';
import type { Ruleset } from '../../src/firewall/ruleset.ts';
import type { Facts } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import type { Family } from '../../src/net/addr.ts';
import { expectedFromFacts } from '../../src/plan/expected.ts';
import { recogniseGeneration } from '../../src/plan/recognise.ts';
import { scenarioOf } from './capture.ts';

export interface RulesVerdict {
  readonly family: Family;
  readonly agree: boolean;
  /** The first lines that only one side has, marked `-` (planned) or `+` (observed), or why there is no plan. */
  readonly differences: readonly string[];
}

/** Undefined for captures in which something was broken, or in which the daemon did not run. */
export function judgeRules(facts: Facts): readonly RulesVerdict[] | undefined {
  if (scenarioOf(facts).kind !== 'config' || !facts.files.has('iptables-save.txt')) return undefined;
  return compareRules(facts);
}

/** The planned rules of a host against those that were there. */
export function compareRules(facts: Facts): readonly RulesVerdict[] {
  const { state } = hostStateFromFacts(facts);
  const host = state.namespaces.find((n) => n.kind === 'host');
  const expected = expectedFromFacts(facts, { state });
  const families: readonly Family[] = ['ipv4', 'ipv6'];
  return families.map((family) => {
    if ('cannot' in expected) return { family, agree: false, differences: [expected.cannot] };
    const { plan } = expected;
    const differences =
      plan.generation === 'N1'
        ? firstDifferences(nativeLines(plan.nft, family), nativeLines(host?.nft ?? emptyNftRuleset, family))
        : firstDifferences(linesOf(plan.ruleset, family), linesOf(host?.firewall ?? { tables: [] }, family));
    return { family, agree: differences.length === 0, differences };
  });
}

/**
 * Whether the rules alone, as they are found, show the generation of the engine that made them; undefined where they show none
 * (no rules at all, iptables=false) or nobody knows the engine.
 */
export function judgeRecognition(
  facts: Facts,
): { readonly right: boolean; readonly said: string } | undefined {
  const { state } = hostStateFromFacts(facts);
  const host = state.namespaces.find((n) => n.kind === 'host');
  const expected = expectedFromFacts(facts, { state });
  if (host === undefined || 'cannot' in expected) return undefined;
  const { generations, evidence } = recogniseGeneration(host.firewall, host.nft);
  if (evidence.length === 0) return undefined;
  return { right: generations.includes(expected.generation), said: generations.join(' or ') };
}

/** The engine's own tables, in the kernel's order, with the chain or set before each line. */
function nativeLines({ tables }: NftRuleset, family: Family): string[] {
  let block = '';
  return tables
    .filter((table) => table.family === nftFamilies[family] && table.name.startsWith('docker-'))
    .flatMap(nftLines)
    .map(({ text }) => {
      if (text.endsWith(' {')) block = text.trim();
      return `${block} ${text.trim()}`;
    });
}

/** Chains, policies and rules in a comparable order: tables and chains by name, rules as they stand. */
export function linesOf(ruleset: Ruleset, family: Family): string[] {
  return ruleset.tables
    .filter((t) => t.family === family)
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .flatMap((table) =>
      table.chains
        .toSorted((a, b) => a.name.localeCompare(b.name))
        .flatMap((chain) => {
          const rules = chain.rules.map((rule) => `${table.name} -A ${chain.name} ${formatRule(rule)}`);
          const isPairs = chain.name === 'DOCKER-ISOLATION';
          return [
            `${table.name} :${chain.name} ${chain.policy ?? '-'}`,
            ...(isPairs ? rules.toSorted() : rules),
          ];
        }),
    );
}

/** The first lines that only one side has, else that the order differs; none where all is alike. */
export function firstDifferences(planned: readonly string[], seen: readonly string[]): string[] {
  if (planned.length === seen.length && planned.every((line, i) => line === seen[i])) return [];
  const only = (lines: readonly string[], others: readonly string[], mark: string) =>
    lines.filter((line) => !others.includes(line)).map((line) => `${mark} ${line}`);
  const found = [...only(planned, seen, '-'), ...only(seen, planned, '+')];
  return found.length > 0 ? found.slice(0, 6) : ['the order of rules differs'];
}
