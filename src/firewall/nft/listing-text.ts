/**
 * `nft list ruleset` in nft's own language, as what `nft -j` would say of it. In: the listing's text. Out: JSON objects for `parse.ts`, each
 * rule with its line. Statements that are not known stay so (`rule-text.ts`); a listing whose end is missing says so.
 */
import { namedPriority } from './priority.ts';
import { ruleJson, setElementsJson } from './rule-text.ts';
import { nftWords, type Word } from './words.ts';

export interface ListingJson {
  readonly json: { readonly nftables: readonly Readonly<Record<string, unknown>>[] };
  /** The line of a block that is never closed. */
  readonly cutAt?: number;
}

type Objects = Readonly<Record<string, unknown>>[];

/** Reads all tables of a listing; words outside of tables are passed over. */
export function listingJson(text: string): ListingJson {
  const words = nftWords(text);
  const objects: Objects = [];
  let at = 0;
  while (at < words.length) {
    const head = tableHead(words, at);
    if (head === undefined) {
      at++;
      continue;
    }
    const end = closing(words, head.body);
    readTable(head, words.slice(head.body, end ?? words.length), objects);
    const line = words[at]?.line ?? 1;
    if (end === undefined) return { json: { nftables: objects }, cutAt: line };
    at = end + 1;
  }
  return { json: { nftables: objects } };
}

interface TableHead {
  readonly family: string;
  readonly table: string;
  /** Index of the first word behind its brace. */
  readonly body: number;
}

const families: ReadonlySet<string> = new Set(['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev']);

/** `table inet myfw {`; without a family it is `ip`. */
function tableHead(words: readonly Word[], at: number): TableHead | undefined {
  const [first, second = '', third, fourth] = words.slice(at, at + 4).map(({ text }) => text);
  if (first !== 'table') return undefined;
  if (families.has(second) && third !== undefined && fourth === '{')
    return { family: second, table: third, body: at + 4 };
  return third === '{' ? { family: 'ip', table: second, body: at + 3 } : undefined;
}

/** Index of the brace that closes what was opened just before `from`. */
function closing(words: readonly Word[], from: number): number | undefined {
  let depth = 1;
  for (let at = from; at < words.length; at++) {
    const { text } = words[at] ?? { text: '' };
    if (text === '{') depth++;
    if (text === '}') depth--;
    if (depth === 0) return at;
  }
  return undefined;
}

function readTable({ family, table }: TableHead, words: readonly Word[], objects: Objects): void {
  const made: Record<string, unknown> = { family, name: table };
  const place = objects.push({ table: made }) - 1;
  const rules: Objects = [];
  let at = 0;
  while (at < words.length) {
    const line = lineFrom(words, at, blockHeads);
    const [kind = '', name = ''] = line.words.map(({ text }) => text);
    if (line.block === undefined) {
      if (kind === 'flags') made.flags = name.split(',');
      const handle = /^#(\d+)$/.exec(kind)?.[1];
      if (handle !== undefined) made.handle = Number(handle);
    } else if (kind === 'chain') rules.push(...chainObjects({ family, table, name }, line.block, objects));
    else if (kind === 'set' || kind === 'map')
      objects.push({ [kind]: { family, table, name, ...setMembers(line.block) } });
    at = line.next;
  }
  objects[place] = { table: made };
  objects.push(...rules);
}

interface Line {
  readonly words: readonly Word[];
  /** What stands in the braces that it ends with, where it is the head of a block. */
  readonly block: readonly Word[] | undefined;
  readonly next: number;
}

const blockHeads: ReadonlySet<string> = new Set([
  'chain',
  'set',
  'map',
  'flowtable',
  'counter',
  'quota',
  'limit',
  'ct',
  'secmark',
  'synproxy',
  'tunnel',
]);

/** In a chain no word begins a block. */
const noHeads: ReadonlySet<string> = new Set();

/** A head with its block, or the words up to the end of the line or a semicolon; braces within a line belong to it. */
function lineFrom(words: readonly Word[], start: number, heads: ReadonlySet<string>): Line {
  const isHead = heads.has(words[start]?.text ?? '');
  const taken: Word[] = [];
  let depth = 0;
  for (let at = start; at < words.length; at++) {
    const word = words[at];
    if (word === undefined) break;
    if (depth === 0 && (word.text === '\n' || word.text === ';'))
      return { words: taken, block: undefined, next: at + 1 };
    if (isHead && word.text === '{') {
      const end = closing(words, at + 1) ?? words.length;
      return { words: taken, block: words.slice(at + 1, end), next: end + 1 };
    }
    if (word.text === '{') depth++;
    if (word.text === '}') depth--;
    if (word.text !== '\n') taken.push(word);
  }
  return { words: taken, block: undefined, next: words.length };
}

interface ChainPlace {
  readonly family: string;
  readonly table: string;
  readonly name: string;
}

/** The chain itself goes to the objects; its rules are returned, since all chains come before them. */
function chainObjects(at: ChainPlace, words: readonly Word[], objects: Objects): Objects {
  const { family, table, name } = at;
  const chain: Record<string, unknown> = { family, table, name };
  const rules: Objects = [];
  let next = 0;
  while (next < words.length) {
    const line = lineFrom(words, next, noHeads);
    next = line.next;
    const texts = line.words.map(({ text }) => text);
    const [first = '', second = ''] = texts;
    if (texts.length === 0) continue;
    if (first === 'type' && texts.includes('hook')) Object.assign(chain, hookMembers(family, texts));
    else if (first === 'policy' && texts.length === 2) chain.policy = second;
    else if (/^#\d+$/.test(first)) chain.handle = Number(first.slice(1));
    else if (first !== 'comment' || texts.length > 2)
      rules.push({
        rule: { family, table, chain: name, line: line.words[0]?.line, ...ruleJson(texts) },
      });
  }
  objects.push({ chain });
  return rules;
}

/** `type filter hook ingress device "eth0" priority filter - 5`. */
function hookMembers(family: string, texts: readonly string[]): Readonly<Record<string, unknown>> {
  const after = (word: string) => {
    const at = texts.indexOf(word);
    return at < 0 ? [] : texts.slice(at + 1);
  };
  const [base = '', sign, offset] = after('priority');
  const off = sign === '+' ? Number(offset) : sign === '-' ? -Number(offset) : 0;
  const prio = (namedPriority(base, family) ?? Number(base)) + off;
  const devices = texts
    .slice(texts.indexOf('hook'), texts.indexOf('priority'))
    .flatMap((text) => (text.startsWith('"') ? [text.slice(1, -1)] : []));
  return {
    type: texts[1],
    hook: after('hook')[0],
    ...(Number.isNaN(prio) ? {} : { prio }),
    ...(devices.length === 0 ? {} : { dev: devices }),
  };
}

function setMembers(words: readonly Word[]): Readonly<Record<string, unknown>> {
  const members: Record<string, unknown> = {};
  let next = 0;
  while (next < words.length) {
    const line = lineFrom(words, next, noHeads);
    next = line.next;
    const [first = '', ...rest] = line.words.map(({ text }) => text);
    if (/^#\d+$/.test(first)) members.handle = Number(first.slice(1));
    switch (first) {
      case 'type': {
        const colon = rest.indexOf(':');
        members.type = typeNames(colon < 0 ? rest : rest.slice(0, colon));
        if (colon >= 0) members.map = typeNames(rest.slice(colon + 1));
        break;
      }
      case 'typeof': {
        // Of an expression; what a map leads to is all that has to be known of it.
        const colon = rest.indexOf(':');
        if (colon >= 0) members.map = typeNames(rest.slice(colon + 1));
        break;
      }
      case 'flags':
        members.flags = rest.filter((word) => word !== ',').flatMap((word) => word.split(','));
        break;
      case 'timeout':
        members.timeout = 1;
        break;
      case 'elements':
        members.elem = setElementsJson(rest.slice(1)) ?? [{ text: rest.slice(1).join(' ') }];
        break;
      default:
        break;
    }
  }
  return members;
}

function typeNames(words: readonly string[]): string | readonly string[] {
  const names = words.filter((word) => word !== '.');
  return names.length === 1 ? (names[0] ?? '') : names;
}
