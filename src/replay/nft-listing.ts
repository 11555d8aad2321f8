/**
 * The nftables tables that a log's changes make. In: LogEvents. Out: tables, and their text in nft's own language.
 * A start makes its tables anew, so the first base chain that is there already begins the table again. Rules are text throughout.
 */
import type { LogEvent } from './events.ts';
import type { NftChange, NftFamilyName } from './nft-change.ts';

export interface NftTableText {
  readonly family: NftFamilyName;
  readonly name: string;
  readonly maps: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly chains: ReadonlyMap<string, NftChainText>;
}

export interface NftChainText {
  readonly base?: { readonly type: string; readonly hook: string; readonly priority: string };
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

/** The tables as a script that `nft -f` takes. */
export function printNftTables(tables: readonly NftTableText[]): string {
  return tables
    .map(({ family, name, maps, chains }) => {
      const blocks = [
        ...[...maps].map(([map, elements]) => mapBlock(map, elements)),
        ...[...chains].map(([chain, of]) => chainBlock(chain, of)),
      ];
      return `table ${family} ${name} {\n${blocks.join('\n\n')}\n}\n`;
    })
    .join('');
}

function mapBlock(map: string, elements: ReadonlyMap<string, string>): string {
  const listed = [...elements].map(([key, value]) => `"${key}" : ${value}`).join(', ');
  const lines = ['type ifname : verdict', ...(listed === '' ? [] : [`elements = { ${listed} }`])];
  return `\tmap ${map} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}`;
}

function chainBlock(chain: string, { base, rules }: NftChainText): string {
  const lines = [
    ...(base === undefined
      ? []
      : [`type ${base.type} hook ${base.hook} priority ${base.priority}; policy accept;`]),
    ...rules.map(({ text }) => nftWords(text)),
  ];
  return `\tchain ${chain} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}`;
}

/** The log prints a rule's words with blanks between them, and comments without quotes where they are one word. */
function nftWords(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/@ (?=\S)/g, '@')
    .replace(/ ,(?= )/g, ',')
    .replace(/, \}/g, ' }')
    .replace(/ comment ([^"\s]+)$/, ' comment "$1"');
}
