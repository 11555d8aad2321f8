/**
 * Which chains a rule's jumps reach, and the two kernels' verdicts on loops among them.
 * In: a table. Out: whether the kernel would take it. The two interfaces judge differently, and both are kept exact.
 */
import { isVerdict } from './modules.ts';
import type { Chain, Rule, Table } from './ruleset.ts';

/** nf_tables allows a path of this many jumps from a base chain (NFT_JUMP_STACK_SIZE, include/net/netfilter/nf_tables.h). */
const nftJumpDepth = 15;

/** The name after `-j` or `-g` where it is a chain of this table. */
export function jumpsTo(rule: Rule, chain: string): boolean {
  return rule.target?.name === chain;
}

/** A rule without conditions that ends the walk through its chain: what follows it is never reached. */
function endsChain(rule: Rule): boolean {
  return (
    rule.target !== undefined &&
    isVerdict(rule.target.name) &&
    rule.matches.length === 0 &&
    rule.source === undefined &&
    rule.destination === undefined &&
    rule.inInterface === undefined &&
    rule.outInterface === undefined &&
    rule.protocol === undefined &&
    rule.fragment === undefined
  );
}

interface Jumps {
  readonly all: readonly string[];
  /** Those before the first rule that always ends the chain. */
  readonly reachable: readonly string[];
}

/** Chains are immutable, so their jumps are found once. Names that are targets and no chains are harmless here. */
const cache = new WeakMap<Chain, Jumps>();

function jumpsOf(chain: Chain): Jumps {
  const known = cache.get(chain);
  if (known !== undefined) return known;
  const all = new Set<string>();
  const reachable = new Set<string>();
  let ended = false;
  for (const rule of chain.rules) {
    if (endsChain(rule)) ended = true;
    else if (rule.target !== undefined) {
      all.add(rule.target.name);
      if (!ended) reachable.add(rule.target.name);
    }
  }
  const jumps = { all: [...all], reachable: [...reachable] };
  cache.set(chain, jumps);
  return jumps;
}

/** Whether the kernel refuses the table for a loop, or for nf_tables also for too long a path of jumps. */
export function hasLoop(table: Table): boolean {
  const chains = new Map(table.chains.map((chain) => [chain.name, chain]));
  return table.backend === 'iptables-nft' ? tooDeep(chains) : loops(chains);
}

/** nft_chain_validate(): from every base chain through every rule, shadowed or not. */
function tooDeep(chains: ReadonlyMap<string, Chain>): boolean {
  const deepest = new Map<Chain, number>();
  const visit = (chain: Chain, depth: number): boolean => {
    if (depth > nftJumpDepth) return true;
    if ((deepest.get(chain) ?? -1) >= depth) return false;
    deepest.set(chain, depth);
    return jumpsOf(chain).all.some((name) => {
      const next = chains.get(name);
      return next !== undefined && visit(next, depth + 1);
    });
  };
  return [...chains.values()].some((chain) => chain.policy !== undefined && visit(chain, 0));
}

/** mark_source_chains() of ip_tables: a rule that always ends its chain hides what follows. */
function loops(chains: ReadonlyMap<string, Chain>): boolean {
  const done = new Set<Chain>();
  const onPath = new Set<Chain>();
  for (const base of chains.values()) {
    if (base.policy === undefined || done.has(base)) continue;
    // Chains on the path with the jumps that are still to be followed; no recursion, the path may be long.
    const path: { readonly chain: Chain; readonly todo: string[] }[] = [];
    const enter = (chain: Chain) => {
      onPath.add(chain);
      path.push({ chain, todo: [...jumpsOf(chain).reachable] });
    };
    enter(base);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const name = top.todo.pop();
      const next = name === undefined ? undefined : chains.get(name);
      if (name === undefined) {
        onPath.delete(top.chain);
        done.add(top.chain);
        path.pop();
      } else if (next !== undefined && onPath.has(next)) return true;
      else if (next !== undefined && !done.has(next)) enter(next);
    }
  }
  return false;
}
