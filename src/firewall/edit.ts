/**
 * A short list of iptables commands that turns one table into another. In: a table as observed and as wanted.
 * Out: commands, in an order in which each can succeed. Pure. Rules are compared as iptables-save prints them;
 * counters and reasons do not count.
 */
import { formatRule } from './args.ts';
import { longestIncreasing } from './increasing.ts';
import type { Command } from './operation.ts';
import type { Chain, Rule, Table } from './ruleset.ts';

interface Written {
  readonly rule: Rule;
  readonly text: string;
}

/**
 * Commands from `from` to `to`. An absent table is one with empty built-in chains and policy ACCEPT: a table cannot be
 * removed by iptables. New chains come first, then rules, then chains that go, so that no jump ever points at nothing.
 */
export function editTable(from: Table | undefined, to: Table | undefined): readonly Command[] {
  const before = new Map((from?.chains ?? []).map((chain) => [chain.name, chain]));
  const after = new Map((to?.chains ?? []).map((chain) => [chain.name, chain]));
  const isBuiltin = (name: string) => (before.get(name)?.policy ?? after.get(name)?.policy) !== undefined;
  const made = [...after.keys()].filter((name) => !before.has(name) && !isBuiltin(name));
  const gone = [...before.keys()].filter((name) => !after.has(name) && !isBuiltin(name));
  const names = [...new Set([...after.keys(), ...before.keys()])].filter((name) => !gone.includes(name));
  return [
    ...made.map((chain): Command => ({ op: 'new-chain', chain })),
    ...names.flatMap((name) => editPolicy(name, before.get(name), after.get(name))),
    ...names.flatMap((name) => editRules(name, before.get(name)?.rules ?? [], after.get(name)?.rules ?? [])),
    ...gone.map((chain): Command => ({ op: 'flush', chain })),
    ...gone.map((chain): Command => ({ op: 'delete-chain', chain })),
  ];
}

function editPolicy(chain: string, before: Chain | undefined, after: Chain | undefined): Command[] {
  const old = before?.policy ?? 'ACCEPT';
  if (after === undefined) return old === 'ACCEPT' ? [] : [{ op: 'policy', chain, policy: 'ACCEPT' }];
  return after.policy === undefined || after.policy === old
    ? []
    : [{ op: 'policy', chain, policy: after.policy }];
}

function editRules(chain: string, before: readonly Rule[], after: readonly Rule[]): Command[] {
  const old = before.map(write);
  const wanted = after.map(write);
  const { keptOld, keptNew } = common(old, wanted);
  const count = new Map<string, number>();
  for (const { text } of old) count.set(text, (count.get(text) ?? 0) + 1);
  const deletions: Command[] = [];
  // From the end, so that earlier rule numbers stay true.
  for (let i = old.length - 1; i >= 0; i--) {
    const written = old[i];
    if (written === undefined || keptOld.has(i)) continue;
    // A rule named by what it says cannot hit another one if somebody changed the chain meanwhile; among equals only the number tells.
    deletions.push(
      count.get(written.text) === 1
        ? { op: 'delete', chain, rule: written.rule }
        : { op: 'delete-at', chain, at: i + 1 },
    );
  }
  const insertions: Command[] = [];
  const lastKept = Math.max(-1, ...keptNew);
  for (const [i, { rule }] of wanted.entries()) {
    if (keptNew.has(i)) continue;
    insertions.push(i > lastKept ? { op: 'append', chain, rule } : { op: 'insert', chain, at: i + 1, rule });
  }
  return [...deletions, ...insertions];
}

function write(rule: Rule): Written {
  return { rule, text: formatRule(rule) };
}

/**
 * Positions of rules that can stay: a subsequence of both lists. What the lists have in common at their ends stays. In
 * between, the n-th of equal rules is paired with the n-th, and the longest increasing run of pairs stays: n log n,
 * where a table of all pairs would need a square.
 */
function common(
  old: readonly Written[],
  wanted: readonly Written[],
): { readonly keptOld: ReadonlySet<number>; readonly keptNew: ReadonlySet<number> } {
  const shorter = Math.min(old.length, wanted.length);
  let head = 0;
  while (head < shorter && old[head]?.text === wanted[head]?.text) head++;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail)?.text === wanted.at(-1 - tail)?.text) tail++;

  const pairs: { readonly old: number; readonly wanted: number }[] = [];
  for (let i = 0; i < head; i++) pairs.push({ old: i, wanted: i });
  pairs.push(...middlePairs(old, wanted, head, tail));
  for (let i = tail; i > 0; i--) pairs.push({ old: old.length - i, wanted: wanted.length - i });
  return {
    keptOld: new Set(pairs.map((pair) => pair.old)),
    keptNew: new Set(pairs.map((pair) => pair.wanted)),
  };
}

function middlePairs(old: readonly Written[], wanted: readonly Written[], head: number, tail: number) {
  const places = new Map<string, number[]>();
  for (let i = head; i < wanted.length - tail; i++) {
    const text = wanted[i]?.text ?? '';
    const list = places.get(text);
    if (list === undefined) places.set(text, [i]);
    else list.push(i);
  }
  const pairs: { readonly old: number; readonly wanted: number }[] = [];
  for (let i = head; i < old.length - tail; i++) {
    const place = places.get(old[i]?.text ?? '')?.shift();
    if (place !== undefined) pairs.push({ old: i, wanted: place });
  }
  return longestIncreasing(pairs.map((pair) => pair.wanted)).flatMap((i) => pairs[i] ?? []);
}
