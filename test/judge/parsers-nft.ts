/**
 * The reader and printer of nft's JSON against nftables' own tests, which are not kept here. In: `*.t.json` files (a text and the
 * JSON of one rule after the other) and `*.json-nft` listings. Out: for each rule and listing, what does not come back as it was.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseNftJson } from '../../src/firewall/nft/parse.ts';
import { nftJson } from '../../src/firewall/nft/print-json.ts';
import type { ParserVerdict } from './parser-verdict.ts';

export function judgeNftTests(files: readonly string[]): readonly ParserVerdict[] {
  return files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    return file.endsWith('.json-nft')
      ? [judgeListing(basename(file), text)]
      : judgeRules(basename(file), text);
  });
}

/** A comment line with the rule's text, then its statements. */
function judgeRules(file: string, text: string): readonly ParserVerdict[] {
  const blocks = text.split(/^(?=# )/m).filter((block) => block.trim() !== '');
  return blocks.map((block) => {
    const [title = ''] = block.split('\n');
    const name = `${file}: ${title}`;
    const expr: unknown = JSON.parse(block.replaceAll(/^#.*$/gm, ''));
    const at = { family: 'inet', table: 't' };
    const chain = { ...at, name: 'c' };
    return judge('rule', name, [
      { table: { family: 'inet', name: 't' } },
      { chain },
      { rule: { ...at, chain: 'c', expr } },
    ]);
  });
}

function judgeListing(file: string, text: string): ParserVerdict {
  const { nftables } = JSON.parse(text) as { readonly nftables: readonly object[] };
  return judge('listing', file, nftables);
}

function judge(form: string, name: string, objects: readonly object[]): ParserVerdict {
  const { ruleset, problems } = parseNftJson({ nftables: objects }, name, () => false);
  const wanted = canonicalObjects(objects);
  const got = canonicalObjects(nftJson(ruleset.tables, { listing: true }).nftables);
  const lost = wanted.filter((object) => !got.includes(object)).map((object) => `wanted ${object}`);
  const made = got.filter((object) => !wanted.includes(object)).map((object) => `got    ${object}`);
  return { form, name, differences: [...problems, ...lost, ...made] };
}

/**
 * Each object as a text that is equal for what means the same: members by name, and a list of one word as that word,
 * which is how older and newer nft print it. Rules have their place in their chain.
 */
function canonicalObjects(objects: readonly object[]): readonly string[] {
  const places = new Map<string, number>();
  return objects
    .filter((object) => !('metainfo' in object))
    .map((object) => {
      if (!('rule' in object)) return JSON.stringify(canonical(object));
      const { family, table, chain } = object.rule as Readonly<Record<string, string>>;
      const key = `${family} ${table} ${chain}`;
      const place = places.get(key) ?? 0;
      places.set(key, place + 1);
      return `${place} ${JSON.stringify(canonical(object))}`;
    });
}

const wordLists: ReadonlySet<string> = new Set(['flags', 'type_flags', 'dev', 'type', 'map']);

function canonical(json: unknown, member?: string): unknown {
  if (Array.isArray(json)) {
    const [only, ...more] = json;
    const isWord = wordLists.has(member ?? '') && more.length === 0 && typeof only === 'string';
    return isWord ? only : json.map((item) => canonical(item));
  }
  if (typeof json !== 'object' || json === null) return json;
  const members = Object.entries(json).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, value]) => [name, canonical(value, name)]));
}
