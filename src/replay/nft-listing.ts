/**
 * The nftables tables that a log's changes make. In: LogEvents. Out: tables, and their lines as `nft -s list ruleset` prints them.
 * A start makes its tables anew, so the first base chain that is there already begins the table again. Rules are text throughout.
 */
import { hookText } from '../firewall/nft/format.ts';
import type { NftHook } from '../firewall/nft/model.ts';
import { formatPrefix, maskPrefix, parsePrefix } from '../net/prefix.ts';
import type { LogEvent } from './events.ts';
import type { NftChange, NftFamilyName } from './nft-change.ts';

export interface NftTableText {
  readonly family: NftFamilyName;
  readonly name: string;
  readonly maps: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly chains: ReadonlyMap<string, NftChainText>;
}

export interface NftChainText {
  readonly base?: NftHook;
  /** In their order in the chain. */
  readonly rules: readonly { readonly group: number; readonly text: string }[];
}

/** Applies the host's changes in order. */
export function nftTablesOf(events: readonly LogEvent[]): readonly NftTableText[] {
  const tables = new Map<string, NftTableText>();
  for (const event of events) {
    if (event.kind !== 'nft' || event.change.place === 'container') continue;
    const { change } = event;
    const name = `${change.family} ${change.table}`;
    const empty = { family: change.family, name: change.table, maps: new Map(), chains: new Map() };
    const table = tables.get(name) ?? empty;
    tables.set(name, applyChange(beginsAgain(table, change) ? empty : table, change));
  }
  return [...tables.values()];
}

function beginsAgain({ chains }: NftTableText, { verb, object }: NftChange): boolean {
  return (
    verb === 'create' && object.kind === 'chain' && object.base !== undefined && chains.has(object.chain)
  );
}

function applyChange(table: NftTableText, { verb, object }: NftChange): NftTableText {
  const isGone = verb === 'delete';
  switch (object.kind) {
    case 'chain': {
      const { chain, base } = object;
      return {
        ...table,
        chains: replaced(table.chains, chain, isGone ? undefined : { rules: [], ...(base && { base }) }),
      };
    }
    case 'map':
      return { ...table, maps: replaced(table.maps, object.map, isGone ? undefined : new Map()) };
    case 'element': {
      const elements = table.maps.get(object.map) ?? new Map<string, string>();
      const changed = replaced(elements, object.key, isGone ? undefined : object.value);
      return { ...table, maps: replaced(table.maps, object.map, changed) };
    }
    case 'rule': {
      const chain = table.chains.get(object.chain) ?? { rules: [] };
      const rules = isGone ? withoutRule(chain.rules, object.text) : withRule(chain.rules, object);
      return { ...table, chains: replaced(table.chains, object.chain, { ...chain, rules }) };
    }
  }
}

function replaced<T>(map: ReadonlyMap<string, T>, key: string, value: T | undefined): ReadonlyMap<string, T> {
  const after = new Map(map);
  if (value === undefined) after.delete(key);
  else after.set(key, value);
  return after;
}

type Rules = NftChainText['rules'];

/** Behind the rules of its group and of lower ones. */
function withRule(rules: Rules, { group, text }: Rules[number]): Rules {
  const behind = rules.findLastIndex((rule) => rule.group <= group) + 1;
  return rules.toSpliced(behind, 0, { group, text });
}

function withoutRule(rules: Rules, text: string): Rules {
  const index = rules.findIndex((rule) => rule.text === text);
  return index < 0 ? rules : rules.toSpliced(index, 1);
}

/** The listing; nothing for no tables. */
export function printNftTables(tables: readonly NftTableText[]): string {
  return tables
    .flatMap(nftTableLines)
    .map((line) => `${line}\n`)
    .join('');
}

/** The lines of one table. */
export function nftTableLines(table: NftTableText): readonly string[] {
  const blocks = [
    ...[...table.maps].map(([map, elements]) => mapLines(map, elements)),
    ...[...table.chains].map(([chain, of]) => chainLines(table, chain, of)),
  ];
  return [
    `table ${table.family} ${table.name} {`,
    ...blocks.flatMap((block, index) => (index === 0 ? block : ['', ...block])),
    '}',
  ];
}

/** Of devices to verdicts: dockerd makes no others. */
function mapLines(map: string, elements: ReadonlyMap<string, string>): readonly string[] {
  const sorted = [...elements].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const last = sorted.length - 1;
  return [
    `\tmap ${map} {`,
    '\t\ttype ifname : verdict',
    ...sorted.map(([key, value], index) => {
      const end = index === last ? ' }' : ',';
      return `${index === 0 ? '\t\telements = { ' : '\t\t\t     '}"${key}" : ${value}${end}`;
    }),
    '\t}',
  ];
}

function chainLines(
  { family }: NftTableText,
  chain: string,
  { base, rules }: NftChainText,
): readonly string[] {
  return [
    `\tchain ${chain} {`,
    ...(base === undefined ? [] : [`\t\t${hookText({ family }, base)}`]),
    ...rules.map(({ text }) => `\t\t${nftWords(text)}`),
    '\t}',
  ];
}

/** A rule as nft prints it again: the log has dockerd's words, with blanks between them, short forms, and quotes only around blanks. */
function nftWords(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/@ (?=\S)/g, '@')
    .replace(
      /\b([io]ifname) (== |!= )?(\{[^}]*\}|\w[^\s"{}@]*)(?= |$)/g,
      (whole, key: string, operator: string | undefined, names: string) =>
        names === 'vmap' ? whole : `${key} ${operator === '!= ' ? operator : ''}${deviceWords(names)}`,
    )
    .replace(/ comment ([^"\s]+)$/, ' comment "$1"')
    .replace(/\bmark (\d+)\b/g, (_, mark: string) => `mark 0x${Number(mark).toString(16).padStart(8, '0')}`)
    .replace(/(?<= )[0-9a-f.:]+\/\d+(?= |$)/g, networkWords);
}

/** `"docker0"` for `{ docker0 , }`, `{ "br0", "eth0" }` for more. */
function deviceWords(names: string): string {
  const quoted = names
    .replace(/[{},]/g, ' ')
    .split(' ')
    .flatMap((name) => (name === '' ? [] : [`"${name}"`]));
  return quoted.length === 1 ? quoted.join('') : `{ ${quoted.join(', ')} }`;
}

function networkWords(text: string): string {
  const prefix = parsePrefix(text);
  return prefix === undefined ? text : formatPrefix(maskPrefix(prefix));
}
