/**
 * An nft(8) command that changes native tables, as a person types it, made on them in memory. In: the command's text without `nft`, and
 * tables. Out: other tables, or in one line why not. Rules are read by `rule-text.ts`: what it does not know stays unknown in them.
 */
import { listingJson } from './listing-text.ts';
import {
  findNftChain,
  findNftTable,
  type NftChain,
  type NftFamily,
  type NftRule,
  type NftRuleset,
  type NftTable,
  tableText,
} from './model.ts';
import { parseNftJson } from './parse.ts';
import { nftWords } from './words.ts';

export interface NftRefusal {
  readonly error: string;
}

const families: readonly NftFamily[] = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'];

/** `add rule inet myfw forward iifname docker0 accept`, `flush chain ip t c`, `delete table inet myfw`, `flush ruleset`. */
export function changeNft(ruleset: NftRuleset, text: string): NftRuleset | NftRefusal {
  const words = nftWords(text).flatMap(({ text: word }) => (word === '\n' ? [] : [word]));
  const [verb = '', kind = ''] = words;
  if (verb === 'flush' && kind === 'ruleset') return { ...ruleset, tables: [] };
  const given = families.find((family) => family === words[2]);
  const family = given ?? 'ip';
  const [table = '', ...rest] = words.slice(given === undefined ? 2 : 3);
  if (table === '') return { error: `nft ${verb} ${kind} needs a table` };
  const at = { family, name: table };
  const found = findNftTable(ruleset, at);
  if (kind === 'table') return changeTable(ruleset, verb, at, found);
  if (found === undefined) {
    const own = ruleset.twins.some((twin) => twin.family === family && twin.name === table);
    const why = own ? "it is iptables' own: change it with iptables" : 'No such file or directory';
    return { error: `table ${tableText({ ...at, chains: [], sets: [] })}: ${why}` };
  }
  const changed =
    kind === 'chain'
      ? changeChain(found, verb, rest)
      : kind === 'rule'
        ? changeRules(found, verb, rest)
        : { error: `nft ${verb} ${kind} cannot be tried: rules, chains and tables can` };
  return 'error' in changed ? changed : replaced(ruleset, found, changed);
}

function replaced(ruleset: NftRuleset, before: NftTable, after: NftTable): NftRuleset {
  return { ...ruleset, tables: ruleset.tables.map((table) => (table === before ? after : table)) };
}

function changeTable(
  ruleset: NftRuleset,
  verb: string,
  at: Pick<NftTable, 'family' | 'name'>,
  found: NftTable | undefined,
): NftRuleset | NftRefusal {
  switch (verb) {
    case 'add':
    case 'create':
      return found !== undefined
        ? ruleset
        : { ...ruleset, tables: [...ruleset.tables, { ...at, chains: [], sets: [] }] };
    case 'delete':
    case 'destroy':
      if (found === undefined && verb === 'delete') return { error: 'No such file or directory' };
      return { ...ruleset, tables: ruleset.tables.filter((table) => table !== found) };
    case 'flush':
      if (found === undefined) return { error: 'No such file or directory' };
      return replaced(ruleset, found, {
        ...found,
        chains: found.chains.map((chain) => ({ ...chain, rules: [] })),
      });
    default:
      return { error: `nft ${verb} table cannot be tried` };
  }
}

function changeChain(table: NftTable, verb: string, words: readonly string[]): NftTable | NftRefusal {
  const [name = '', ...body] = words;
  const found = findNftChain(table, name);
  switch (verb) {
    case 'add':
    case 'create': {
      const made = read(table, name, body.slice(1, -1).join(' '));
      if (made === undefined) return { error: `not a chain: ${words.join(' ')}` };
      if (found === undefined) return { ...table, chains: [...table.chains, made] };
      // Of a base chain that is there only the policy can be changed.
      const policy = body[body.indexOf('policy') + 1];
      return found.base !== undefined && (policy === 'accept' || policy === 'drop')
        ? withChain(table, found, { ...found, base: { ...found.base, policy } })
        : table;
    }
    case 'flush':
      return found === undefined
        ? { error: 'No such file or directory' }
        : withChain(table, found, { ...found, rules: [] });
    case 'delete':
      return found === undefined
        ? { error: 'No such file or directory' }
        : { ...table, chains: table.chains.filter((chain) => chain !== found) };
    default:
      return { error: `nft ${verb} chain cannot be tried` };
  }
}

function changeRules(table: NftTable, verb: string, words: readonly string[]): NftTable | NftRefusal {
  const [name = '', ...rest] = words;
  const chain = findNftChain(table, name);
  if (chain === undefined) return { error: `chain ${name}: No such file or directory` };
  const place = placeOf(chain, rest);
  if (typeof place === 'string') return { error: place };
  if (verb === 'delete')
    return place.at === undefined
      ? { error: 'nft delete rule needs a handle' }
      : withChain(table, chain, { ...chain, rules: chain.rules.filter((_, i) => i !== place.at) });
  if (verb !== 'add' && verb !== 'insert') return { error: `nft ${verb} rule cannot be tried` };
  const rule = read(table, name, place.words.join(' '))?.rules[0];
  if (rule === undefined) return { error: `not a rule: ${rest.join(' ')}` };
  const { at: _, ...made } = rule;
  const last = verb === 'add' ? chain.rules.length : 0;
  const index = place.at === undefined ? last : verb === 'add' ? place.at + 1 : place.at;
  return withChain(table, chain, { ...chain, rules: inserted(chain.rules, index, made) });
}

function inserted(rules: readonly NftRule[], index: number, rule: NftRule): readonly NftRule[] {
  return [...rules.slice(0, index), rule, ...rules.slice(index)];
}

/** `handle 7`, `position 7`, `index 0` before the rule itself. */
function placeOf(
  { rules }: NftChain,
  words: readonly string[],
): { readonly at: number | undefined; readonly words: readonly string[] } | string {
  const [how = '', number = ''] = words;
  if (!['handle', 'position', 'index'].includes(how) || !/^\d+$/.test(number))
    return { at: undefined, words };
  const at = how === 'index' ? Number(number) : rules.findIndex(({ handle }) => handle === Number(number));
  if (rules[at] === undefined) return `no rule with ${how} ${number}`;
  return { at, words: words.slice(2) };
}

function withChain(table: NftTable, before: NftChain, after: NftChain): NftTable {
  return { ...table, chains: table.chains.map((chain) => (chain === before ? after : chain)) };
}

/** A chain with this body, as a listing would have it. */
function read({ family, name }: NftTable, chain: string, body: string): NftChain | undefined {
  const { json, cutAt } = listingJson(`table ${family} ${name} {\nchain ${chain} {\n${body}\n}\n}\n`);
  const [table] = parseNftJson(json, 'nft', () => false).ruleset.tables;
  return cutAt === undefined ? table?.chains[0] : undefined;
}
