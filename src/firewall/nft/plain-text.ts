/**
 * Plain tables of `nft list ruleset` in nft's own language, as what `nft -j` would say of them. In: the listing's text.
 * Out: JSON objects for `parse.ts`, of those tables alone whose every line is in a small part of the language: addresses,
 * ports and devices compared with one value, counters, verdicts, NAT. A table with anything else is left out whole.
 */
import { namedPriority } from './priority.ts';

/** The tables that were understood (`ip docker-dns`), and their objects. */
export interface PlainTables {
  readonly tables: ReadonlySet<string>;
  readonly json: { readonly nftables: readonly Readonly<Record<string, unknown>>[] };
}

type Objects = readonly Readonly<Record<string, unknown>>[];

export function plainTables(listing: string): PlainTables {
  const tables = new Set<string>();
  const objects: Readonly<Record<string, unknown>>[] = [];
  for (const block of listing.split(/^(?=table )/m)) {
    const found = tableObjects(
      block
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
    );
    if (found === undefined) continue;
    tables.add(found.name);
    objects.push(...found.objects);
  }
  return { tables, json: { nftables: objects } };
}

function tableObjects(
  lines: readonly string[],
): { readonly name: string; readonly objects: Objects } | undefined {
  const [, family, table] = /^table (ip|ip6|inet) ([\w-]+) \{$/.exec(lines[0] ?? '') ?? [];
  if (family === undefined || lines.at(-1) !== '}') return undefined;
  const chains: Readonly<Record<string, unknown>>[] = [];
  const rules: Readonly<Record<string, unknown>>[] = [];
  let chain: string | undefined;
  for (const line of lines.slice(1, -1)) {
    if (chain === undefined) {
      chain = /^chain ([\w-]+) \{$/.exec(line)?.[1];
      if (chain === undefined) return undefined;
      chains.push({ chain: { family, table, name: chain } });
      continue;
    }
    if (line === '}') {
      chain = undefined;
      continue;
    }
    const hook = hookOf(line);
    if (hook !== undefined) {
      chains[chains.length - 1] = { chain: { family, table, name: chain, ...hook } };
      continue;
    }
    const expr = statements(line.split(' '));
    if (expr === undefined) return undefined;
    rules.push({ rule: { family, table, chain, expr } });
  }
  if (chain !== undefined) return undefined;
  return { name: `${family} ${table}`, objects: [{ table: { family, name: table } }, ...chains, ...rules] };
}

const hookLine = /^type (\w+) hook (\w+) priority (-?\w+)(?: ([+-]) (\d+))?; policy (accept|drop);$/;

function hookOf(line: string): Readonly<Record<string, unknown>> | undefined {
  const [, type, hook, base = '', sign, offset = '0', policy] = hookLine.exec(line) ?? [];
  if (type === undefined) return undefined;
  const prio = (namedPriority(base) ?? Number(base)) + (sign === '-' ? -Number(offset) : Number(offset));
  return Number.isNaN(prio) ? undefined : { type, hook, prio, policy };
}

const fields = /^(ip|ip6) (saddr|daddr)$|^(tcp|udp) (sport|dport)$/;

function statements(words: readonly string[]): readonly unknown[] | undefined {
  const found: unknown[] = [];
  let at = 0;
  while (at < words.length) {
    const taken = condition(words, at) ?? action(words, at);
    if (taken === undefined) return undefined;
    found.push(taken.json);
    at += taken.words;
  }
  return found;
}

interface Taken {
  readonly json: unknown;
  readonly words: number;
}

function condition(words: readonly string[], at: number): Taken | undefined {
  const [first = '', second = ''] = words.slice(at);
  const device = first === 'iifname' || first === 'oifname';
  if (!device && !fields.test(`${first} ${second}`)) return undefined;
  const left = device ? { meta: { key: first } } : { payload: { protocol: first, field: second } };
  const next = at + (device ? 1 : 2);
  const not = words[next] === '!=';
  const right = device
    ? /^"([^"*\\]+)"$/.exec(words[next + (not ? 1 : 0)] ?? '')?.[1]
    : literalOf(words[next + (not ? 1 : 0)] ?? '');
  if (right === undefined) return undefined;
  return { json: { match: { op: not ? '!=' : '==', left, right } }, words: next + (not ? 2 : 1) - at };
}

function literalOf(word: string): unknown {
  if (/^\d+$/.test(word)) return Number(word);
  const [, addr, len] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/.exec(word) ?? [];
  if (addr === undefined || !/[.:]/.test(addr)) return undefined;
  return len === undefined ? addr : { prefix: { addr, len: Number(len) } };
}

function action(words: readonly string[], at: number): Taken | undefined {
  const [first = '', second = '', third = ''] = words.slice(at);
  switch (first) {
    case 'counter':
      return second === 'packets'
        ? { json: { counter: null }, words: 5 }
        : { json: { counter: null }, words: 1 };
    case 'accept':
    case 'drop':
    case 'return':
    case 'continue':
    case 'masquerade':
      return { json: { [first]: null }, words: 1 };
    case 'jump':
    case 'goto':
      return /^[\w-]+$/.test(second) ? { json: { [first]: { target: second } }, words: 2 } : undefined;
    case 'dnat':
    case 'snat': {
      // `to 127.0.0.11:40000`, `to :53`, `to 192.0.2.1`; IPv6 only in brackets or without a port.
      const target = /^(?:([\d.]+)|\[([0-9a-f:]+)\])?(?::(\d{1,5}))?$/.exec(third);
      if (second !== 'to' || third === '' || target === null) return undefined;
      const addr = target[1] ?? target[2];
      const port = target[3];
      const json = {
        [first]: {
          ...(addr === undefined ? {} : { addr }),
          ...(port === undefined ? {} : { port: Number(port) }),
        },
      };
      return { json, words: 3 };
    }
    default:
      return undefined;
  }
}
