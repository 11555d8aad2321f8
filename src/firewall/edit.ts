/**
 * A short list of iptables commands that turns one table into another. In: a table as observed and as wanted.
 * Out: commands, in an order in which each can succeed. Pure. Rules are compared as iptables-save prints them;
 * counters and reasons do not count.
 */
import { formatRule } from './args.ts';
import type { Command } from './operation.ts';
import type { Chain, Rule, Table } from './ruleset.ts';
import { entriesThatStay } from './stay.ts';

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
  const stay = entriesThatStay(
    old.map(({ text }) => text),
    wanted.map(({ text }) => text),
  );
  const keptOld = new Set(stay.map((pair) => pair.old));
  const keptNew = new Set(stay.map((pair) => pair.wanted));
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
