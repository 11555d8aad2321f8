/**
 * Native nftables base chains of which only `nft list ruleset` is known: text, which is not evaluated beyond its plain tables.
 * In: the listing, and which tables belong to iptables-nft. Out: one UnmodelledHook for each foreign base chain.
 * The listing's view of iptables' own tables is lossy (`xt` expressions) and dropped: iptables-save has them.
 */
import type { Ruleset } from '../firewall/ruleset.ts';
import type { UnmodelledHook } from './state.ts';

/** A base chain of a listing. */
interface BaseChain {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly hook: string;
  /** False when it holds no rule and its policy accepts: then it does nothing. */
  readonly acts: boolean;
}

/** Foreign base chains of `nft list ruleset` in nft's own language. */
export function nativeHooksOfText(listing: string, file: string, own: Ruleset): readonly UnmodelledHook[] {
  return foreign(baseChainsOfText(listing), file, own);
}

function foreign(chains: readonly BaseChain[], file: string, own: Ruleset): readonly UnmodelledHook[] {
  return chains.flatMap((c) => {
    const family = hookFamilies.get(c.family);
    if (family === undefined || !c.acts || ownedByIptables(c, own)) return [];
    return [{ family, hook: c.hook, name: `${c.family} ${c.table} ${c.chain}`, at: { file } }];
  });
}

/** iptables-nft keeps its tables under the same names; what iptables-save printed is read there. */
function ownedByIptables(chain: BaseChain, own: Ruleset): boolean {
  const family = hookFamilies.get(chain.family);
  return own.tables.some(
    (t) => t.backend === 'iptables-nft' && t.family === family && t.name === chain.table,
  );
}

const hookFamilies: ReadonlyMap<string, UnmodelledHook['family']> = new Map([
  ['ip', 'ipv4'],
  ['ip6', 'ipv6'],
  ['inet', 'inet'],
  ['bridge', 'bridge'],
  ['netdev', 'netdev'],
  ['arp', 'arp'],
]);

/**
 * nft prints one statement per line and one block per level: table, then chain. A brace inside a rule
 * (an anonymous set) opens and closes on the same line, or over lines of elements that are deeper.
 */
function baseChainsOfText(listing: string): readonly BaseChain[] {
  const chains: BaseChain[] = [];
  let table: { readonly family: string; readonly name: string } | undefined;
  let chain: { readonly name: string; hook?: string; drops: boolean; rules: number } | undefined;
  let depth = 0;
  for (const raw of listing.split('\n')) {
    const line = raw.replace(/"[^"]*"/g, '""').trim();
    if (line === '') continue;
    if (depth === 0) {
      const found = /^table (?:(\S+) )?(\S+) \{/.exec(line);
      table = found?.[2] === undefined ? undefined : { family: found[1] ?? 'ip', name: found[2] };
    } else if (depth === 1) {
      const name = /^chain (\S+) \{/.exec(line)?.[1];
      chain = name === undefined ? undefined : { name, drops: false, rules: 0 };
    } else if (depth === 2 && chain !== undefined && line !== '}') {
      const hook = /^type \S+ hook (\S+) /.exec(line)?.[1];
      if (hook === undefined) chain.rules += line.startsWith('comment ') ? 0 : 1;
      else chain = { ...chain, hook, drops: /policy drop\b/.test(line) };
    }
    depth += occurrences(line, '{') - occurrences(line, '}');
    if (depth === 1 && chain?.hook !== undefined && table !== undefined) {
      const { name, hook, drops, rules } = chain;
      chains.push({ family: table.family, table: table.name, chain: name, hook, acts: drops || rules > 0 });
    }
    if (depth <= 1) chain = undefined;
  }
  return chains;
}

function occurrences(line: string, char: string): number {
  return line.split(char).length - 1;
}
