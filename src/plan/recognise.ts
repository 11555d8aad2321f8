/**
 * Which engine generation made these rules, from the rules alone: chains, jumps and shapes.
 * In: the firewall of a host's namespace. Out: the generations that it may have been, with the rules that say so; none where nothing
 * of an engine is there. Several remain where rules cannot tell them apart:
 * G2 to G5 without ip6tables rules, G4 and G5 with them, and G7 to G9 by what is in DOCKER-USER, which the administrator may have changed.
 */
import { formatRule } from '../firewall/args.ts';
import type { NftRuleset } from '../firewall/nft/model.ts';
import { findChain, type Rule, type Ruleset, type Table } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';
import { bridgesIn, dockerRuleOf, makersOfChain, userChainName } from './docker-rules.ts';
import { generations } from './generation.ts';
import type { Generation } from './plan.ts';

export interface Recognition {
  /** Oldest first. */
  readonly generations: readonly Generation[];
  /** What narrowed it down, the most telling first. */
  readonly evidence: readonly GenerationMark[];
  /** What another generation left: it made none of the rest. */
  readonly leftovers: readonly GenerationMark[];
}

/** Something that only some generations make. */
export interface GenerationMark {
  /** `filter -A FORWARD -j DOCKER-FORWARD`, `filter :DOCKER-INTERNAL`; what is no line in words. */
  readonly what: string;
  readonly family: Family;
  readonly madeBy: readonly Generation[];
}

/** Generations whose rules are native tables `docker-bridges`. */
const nativeGenerations: readonly Generation[] = ['N1'];

/**
 * Recognises the generation. An engine removes what older ones made, so where marks contradict each other the newest that packets still
 * reach counts, then what they do not reach any more, and what only the whole shows where all that leaves a choice.
 */
export function recogniseGeneration(ruleset: Ruleset, nft: NftRuleset | undefined): Recognition {
  const native = nft?.tables.find(({ name }) => name === 'docker-bridges');
  if (native !== undefined) {
    const family = native.family === 'ip6' ? 'ipv6' : 'ipv4';
    const mark = {
      what: `table ${native.family} ${native.name}`,
      family,
      madeBy: nativeGenerations,
    } as const;
    return { generations: nativeGenerations, evidence: [mark], leftovers: [] };
  }
  const bridges = bridgesIn(ruleset);
  const made = ruleset.tables.flatMap((table) => marksOf(table, bridges));
  if (made.length === 0) return { generations: [], evidence: [], leftovers: [] };
  const ordered = [
    ...newestFirst(made.filter(({ reached }) => reached)),
    ...newestFirst(made.filter(({ reached }) => !reached)),
    ...indirectMarks(ruleset),
  ];
  const evidence: GenerationMark[] = [];
  const leftovers: GenerationMark[] = [];
  let possible = generations;
  for (const { reached, ...mark } of ordered) {
    const rest = possible.filter((generation) => mark.madeBy.includes(generation));
    if (rest.length === 0 && reached !== undefined) leftovers.push(mark);
    if (rest.length === 0 || rest.length === possible.length) continue;
    evidence.push(mark);
    possible = rest;
  }
  return { generations: possible, evidence, leftovers };
}

interface PlacedMark extends GenerationMark {
  /** A built-in chain leads there; absent where nothing is there. */
  readonly reached?: boolean;
}

/** Those that only newer generations make come first. */
function newestFirst(marks: readonly PlacedMark[]): readonly PlacedMark[] {
  const oldest = ({ madeBy }: PlacedMark) => generations.findIndex((g) => madeBy.includes(g));
  return marks.toSorted((a, b) => oldest(b) - oldest(a) || a.madeBy.length - b.madeBy.length);
}

/** The engine's chains and rules in a table; the rules of one row are one mark. What is in DOCKER-USER the administrator may have written. */
function marksOf(table: Table, bridges: ReadonlySet<string>): readonly PlacedMark[] {
  const { family, name } = table;
  const reachable = reachedChains(table);
  const seen = new Set<unknown>();
  return table.chains.flatMap((chain) => {
    const reached = reachable.has(chain.name);
    const makers = makersOfChain(chain.name);
    const rules = chain.name === userChainName ? [] : chain.rules;
    const found = rules.flatMap((rule): readonly PlacedMark[] => {
      const row = dockerRuleOf({ family, table: name, chain: chain.name, rule }, bridges);
      if (row === undefined || seen.has(row)) return [];
      seen.add(row);
      return [
        { what: `${name} -A ${chain.name} ${formatRule(rule)}`, family, madeBy: row.madeBy[family], reached },
      ];
    });
    const since = family === 'ipv6' ? generations.indexOf('G3') : 0;
    const own = makers?.filter((generation) => generations.indexOf(generation) >= since) ?? [];
    return own.length === 0
      ? found
      : [{ what: `${name} :${chain.name}`, family, madeBy: own, reached }, ...found];
  });
}

/** Names of the built-in chains and of all that their jumps lead to. */
function reachedChains({ chains }: Table): ReadonlySet<string> {
  const byName = new Map(chains.map((chain) => [chain.name, chain]));
  const reached = new Set<string>();
  const todo = chains.filter(({ policy }) => policy !== undefined).map(({ name }) => name);
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    const chain = byName.get(name);
    if (chain === undefined || reached.has(name)) continue;
    reached.add(name);
    todo.push(...chain.rules.flatMap(({ target }) => target?.name ?? []));
  }
  return reached;
}

/** What only the whole shows: rules that other generations do not make together, or that they would have made besides. */
function indirectMarks(ruleset: Ruleset): readonly PlacedMark[] {
  return ruleset.tables.flatMap((table) => {
    if (table.name === 'filter') return indirectInFilter(table);
    return table.name === 'nat' ? indirectInNat(table) : [];
  });
}

function rulesOf(table: Table, chain: string): readonly Rule[] {
  return findChain(table, chain)?.rules ?? [];
}

function since(first: Generation): readonly Generation[] {
  return generations.slice(generations.indexOf(first));
}

function before(first: Generation): readonly Generation[] {
  return generations.slice(0, generations.indexOf(first));
}

function indirectInFilter(table: Table): readonly GenerationMark[] {
  const { family } = table;
  const jumps = rulesOf(table, 'FORWARD').map(({ target }) => target?.name);
  const user = findChain(table, userChainName);
  if (family === 'ipv6' && user === undefined && jumps.includes('DOCKER-ISOLATION-STAGE-1'))
    return [{ what: 'no chain DOCKER-USER in ip6tables', family, madeBy: ['G3'] }];
  // Until 28.2.1 the engine ends it with a RETURN.
  if (user?.rules.length === 0 && jumps.includes('DOCKER-FORWARD'))
    return [{ what: 'no RETURN in DOCKER-USER', family, madeBy: since('G9') }];
  return [];
}

/** Of a host with the userland proxy and a published port, where nat tells what the filter table does not say any more. */
function indirectInNat(table: Table): readonly GenerationMark[] {
  const { family } = table;
  const translations = rulesOf(table, 'DOCKER');
  const leaving = rulesOf(table, 'POSTROUTING');
  const proxied = rulesOf(table, 'OUTPUT').some(
    ({ target, destination }) => target?.name === 'DOCKER' && destination?.not === true,
  );
  const translates = translations.some(({ target }) => target?.name === 'DNAT');
  const masquerades = leaving.some(({ source, outInterface }) => source && outInterface?.not === true);
  if (!proxied || !translates || !masquerades) return [];
  const toItself = leaving.some(
    ({ source, destination, target }) => source && destination && target?.name === 'MASQUERADE',
  );
  const skips = translations.some(({ target }) => target?.name === 'RETURN');
  return [
    toItself
      ? { what: 'a masquerade from a container to itself beside the proxy', family, madeBy: before('G6') }
      : { what: 'no masquerade from a container to itself', family, madeBy: since('G6') },
    ...(skips ? [] : [{ what: 'no RETURN in nat DOCKER', family, madeBy: since('G10') }]),
  ];
}
