/**
 * Judges rules: the plan of a capture against what iptables-save showed, and `nft -j list ruleset` where the engine makes native
 * tables. In: facts. Out: a verdict for each family. Counters, handles and comments of iptables do not count, nor the order of the
 * isolation pairs of 17.06, which is that of a Go map, nor rules of iptables where the engine makes none.
 */
import { formatRule } from '../../src/firewall/args.ts';
import { emptyNftRuleset, type NftRuleset, nftFamilies } from '../../src/firewall/nft/model.ts';
import { nftLines } from '../../src/firewall/nft/print.ts';
import { emptyRuleset, type Ruleset } from '../../src/firewall/ruleset.ts';
import type { Facts } from '../../src/host/facts.ts';
import { firewalldMembers } from '../../src/host/firewalld.ts';
import type { HostState } from '../../src/host/state.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import type { Family } from '../../src/net/addr.ts';
import { type CannotExpect, type Expected, expectedFromFacts } from '../../src/plan/expected.ts';
import { recogniseGeneration } from '../../src/plan/recognise.ts';
import { anyPort } from '../../src/plan/sandbox.ts';
import { scenarioOf } from './capture.ts';

export interface RulesVerdict {
  readonly family: Family;
  readonly agree: boolean;
  /** The first lines that only one side has, marked `-` (planned) or `+` (observed), or why there is no plan. */
  readonly differences: readonly string[];
}

interface Reading {
  readonly state: HostState;
  readonly expected: Expected | CannotExpect;
}

const readings = new WeakMap<Facts, Reading>();

/** A capture is read once for all that is judged here. */
function read(facts: Facts): Reading {
  const known = readings.get(facts);
  if (known !== undefined) return known;
  const { state } = hostStateFromFacts(facts);
  const reading = { state, expected: expectedFromFacts(facts, { state }) };
  readings.set(facts, reading);
  return reading;
}

/** Undefined for captures in which something was broken, or in which the daemon did not run. */
export function judgeRules(facts: Facts): readonly RulesVerdict[] | undefined {
  if (scenarioOf(facts).kind !== 'config' || !facts.files.has('iptables-save.txt')) return undefined;
  return compareRules(facts);
}

/** The planned rules of a host against those that were there. */
export function compareRules(facts: Facts): readonly RulesVerdict[] {
  const { state, expected } = read(facts);
  const host = state.namespaces.find((n) => n.kind === 'host');
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
  const { state, expected } = read(facts);
  const host = state.namespaces.find((n) => n.kind === 'host');
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

/** Whether the rules in each container's namespace are those that are planned; a resolver's ports, which are chosen at random, only where they are known. */
export function judgeSandboxes(
  facts: Facts,
): readonly { readonly name: string; readonly agree: boolean; readonly differences: readonly string[] }[] {
  if (scenarioOf(facts).kind !== 'config') return [];
  const { state, expected } = read(facts);
  if ('cannot' in expected) return [];
  return state.namespaces
    .filter(({ kind }) => kind === 'container')
    .map((ns) => {
      const planned = expected.plan.sandboxes.find(({ name }) => name === ns.name);
      const wanted = [
        ...linesOf(planned?.ruleset ?? emptyRuleset, 'ipv4'),
        ...nativeLines(planned?.nft ?? emptyNftRuleset, 'ipv4'),
      ];
      const seen = [...linesOf(ns.firewall, 'ipv4'), ...nativeLines(ns.nft ?? emptyNftRuleset, 'ipv4')];
      const unknown = wanted.some((line) => line.includes(anyPort));
      const differences = firstDifferences(wanted, unknown ? seen.map(withoutPorts) : seen);
      return { name: ns.name, agree: differences.length === 0, differences };
    });
}

/** Whether firewalld has the bridges in the zone into which the engine puts them; undefined where it does not run, or somebody moved one. */
export function judgeFirewalld(facts: Facts): { readonly agree: boolean; readonly said: string } | undefined {
  const { state, expected } = read(facts);
  const host = state.namespaces.find((n) => n.kind === 'host');
  const members = host === undefined ? undefined : firewalldMembers(host);
  const moved = scenarioOf(facts).causes?.includes('firewalld-zone-mismatch') === true;
  if (members === undefined || moved || 'cannot' in expected) return undefined;
  const planned = (expected.plan.firewalld ?? []).flatMap((operation) =>
    operation.kind === 'add-interface' ? [`${operation.interface} in ${operation.zone}`] : [],
  );
  const bridges = new Set(expected.plan.links.map(({ name }) => name));
  const seen = [...members].flatMap(([name, zone]) => (bridges.has(name) ? [`${name} in ${zone}`] : []));
  const agree = planned.toSorted().join() === seen.toSorted().join();
  return { agree, said: `planned ${planned.join(', ')}; seen ${seen.join(', ')}` };
}

/** A resolver's ports are ephemeral ones: of four digits at least. */
function withoutPorts(line: string): string {
  return line.replace(/(127\.0\.0\.11:|sport )[0-9]{4,}/, `$1${anyPort}`);
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
