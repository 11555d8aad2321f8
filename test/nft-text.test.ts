/**
 * `nft list ruleset` as text against `nft -j list ruleset`, in captures that have both: the same tables, chains, rules and sets.
 */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readBundle } from '../src/bundle/read.ts';
import { listingJson } from '../src/firewall/nft/listing-text.ts';
import { parseNftJson } from '../src/firewall/nft/parse.ts';
import { text } from '../src/host/facts.ts';

const folders = ['28.5.2', '29.7.2-nft'].map((name) => new URL(`corpus/${name}/`, import.meta.url).pathname);
const captures = folders.flatMap((folder) => readdirSync(folder).map((file) => folder + file));

/** iptables' own tables are shown otherwise in JSON, and read from iptables-save. */
const isTwin = (family: string, name: string) =>
  (family === 'ip' || family === 'ip6') && ['raw', 'mangle', 'nat', 'filter', 'security'].includes(name);

/** Handles and places are of one form only; what stays JSON differs in its text. */
function plain(tables: unknown): unknown {
  const left = new Set(['handle', 'at', 'kept', 'json']);
  return JSON.parse(JSON.stringify(tables, (key, value) => (left.has(key) ? undefined : value)));
}

test('both forms say the same', async () => {
  let rules = 0;
  for (const path of captures) {
    const facts = await readBundle(path);
    const [listing, json] = [text(facts, 'nft-ruleset.txt'), text(facts, 'nft-ruleset.json')];
    if (listing === undefined || json === undefined) continue;
    const { ruleset } = parseNftJson(JSON.parse(json), 'f', isTwin);
    const read = parseNftJson(listingJson(listing).json, 'f', isTwin).ruleset;
    const names = ruleset.tables.map(({ family, name }) => `${family} ${name}`);
    const inOrder = names.flatMap(
      (name) => read.tables.find((table) => `${table.family} ${table.name}` === name) ?? [],
    );
    // nft lists the chains of a table in another order as text.
    const byName = <T extends { readonly name: string }>(parts: readonly T[]) =>
      parts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const sorted = (tables: typeof ruleset.tables) =>
      tables.map((table) => ({ ...table, chains: byName(table.chains), sets: byName(table.sets) }));
    expect(plain(sorted(inOrder)), path).toEqual(plain(sorted(ruleset.tables)));
    rules += ruleset.tables.flatMap(({ chains }) => chains.flatMap((chain) => chain.rules)).length;
  }
  expect(rules).toBeGreaterThan(100);
});
