/**
 * Handles of native rules: a kernel counts them itself, so that a rule of a rebuilt host has another than it had. In: a namespace of the
 * facts, and where it was rebuilt. Out: commands that name the same rules there.
 */
import type { Namespace } from '../host/state.ts';
import { inNamespace } from '../kernel/namespace.ts';
import { mustRun } from '../kernel/process.ts';

/** Translates a command of nft; undefined where the rule that it names could not be rebuilt. */
export type Translate = (args: readonly string[]) => readonly string[] | undefined;

interface Listed {
  readonly rule?: {
    readonly family: string;
    readonly table: string;
    readonly chain: string;
    readonly handle: number;
  };
}

/** Pairs the rules of each chain by their places; a chain of which a rule is missing has no pairs. */
export async function handleTranslation({ nft }: Namespace, netns: string): Promise<Translate> {
  const { stdout } = await mustRun({ argv: inNamespace(netns, ['nft', '-j', 'list', 'ruleset']) });
  const there = new Map<string, number[]>();
  for (const { rule } of (JSON.parse(stdout) as { readonly nftables: readonly Listed[] }).nftables) {
    if (rule === undefined) continue;
    const chain = `${rule.family} ${rule.table} ${rule.chain}`;
    there.set(chain, [...(there.get(chain) ?? []), rule.handle]);
  }
  const pairs = new Map<string, number>();
  for (const { family, name, chains } of nft?.tables ?? []) {
    for (const chain of chains) {
      const place = `${family} ${name} ${chain.name}`;
      const handles = there.get(place) ?? [];
      if (handles.length !== chain.rules.length) continue;
      for (const [index, { handle }] of chain.rules.entries()) {
        const now = handles[index];
        if (handle !== undefined && now !== undefined) pairs.set(`${place} ${handle}`, now);
      }
    }
  }
  return (args) => {
    const [, object, family, table, chain, word, handle] = args;
    if (object !== 'rule' || word !== 'handle') return args;
    const now = pairs.get(`${family} ${table} ${chain} ${handle}`);
    return now === undefined ? undefined : [...args.slice(0, 6), `${now}`, ...args.slice(7)];
  };
}
