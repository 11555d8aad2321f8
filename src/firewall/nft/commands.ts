/**
 * The nft(8) commands that turn native tables into others. In: tables as observed and as wanted. Out: arguments of nft, one list a
 * command, in an order in which each can succeed; run together by `nft -f` they are one transaction. Pure.
 * None for a table that a running process owns (nobody else can change it: NFT_TABLE_F_OWNER) and for one that would need words
 * nft does not read back.
 */
import { entriesThatStay } from '../stay.ts';
import { chainText, formatElement, formatNftRule, setTypeText, setWord } from './format.ts';
import {
  findNftTable,
  type NftChain,
  type NftRule,
  type NftRuleset,
  type NftSet,
  type NftTable,
} from './model.ts';
import { nftRuleKey, sameElement } from './same.ts';

export type NftArgs = readonly string[];

/** Every change is of chains and sets that are there by then, and of none that are gone. */
export function nftCommands(from: NftRuleset, to: NftRuleset): readonly NftArgs[] {
  const gone = from.tables.filter((table) => findNftTable(to, table) === undefined);
  return [
    ...gone.flatMap((table) =>
      table.owned === true ? [] : commands([['delete', 'table', ...placeOf(table)]]),
    ),
    ...to.tables.flatMap((table) => {
      const before = findNftTable(from, table);
      return before === table || before?.owned === true ? [] : commands(tableCommands(before, table));
    }),
  ];
}

/** All, or none where one of them could not be read by nft, or not as what it is meant to be: names come from outside. */
function commands(all: readonly (NftArgs | undefined)[]): readonly NftArgs[] {
  const known = all.filter((args) => args !== undefined);
  return known.length === all.length && known.every((args) => args.every(isSafe)) ? known : [];
}

const chainHead = /^[\w./-]+ \{ type \w+ hook \w+ priority [\w +-]+; policy \w+; \}$/;
const setHead = /^[\w./-]+ \{ type [\w. ]+(?: : [\w. ]+)?; \}$/;
const policyChange = /^\{ policy \w+; \}$/;
/** Words, numbers and operators: nothing that ends a command or begins a comment. */
const oneStatement = /^[\w@:.,/*+!<>=&|^%{}[\] -]*$/;

function isSafe(text: string): boolean {
  if (chainHead.test(text) || setHead.test(text) || policyChange.test(text)) return true;
  // A quoted word with a colon behind it is JSON of what the model does not understand.
  return !text.includes('":') && oneStatement.test(text.replace(/"[^"\\\n\r]*"/g, ''));
}

function placeOf({ family, name }: NftTable): NftArgs {
  return [family, name];
}

function tableCommands(before: NftTable | undefined, after: NftTable): readonly (NftArgs | undefined)[] {
  const place = placeOf(after);
  const madeChains = without(after.chains, before?.chains ?? []);
  const goneChains = without(before?.chains ?? [], after.chains);
  const madeSets = without(after.sets, before?.sets ?? []);
  const goneSets = without(before?.sets ?? [], after.sets);
  const namesake = <T extends { readonly name: string }>(list: readonly T[] | undefined, { name }: T) =>
    list?.find((each) => each.name === name);
  return [
    ...(before === undefined ? [['add', 'table', ...place]] : []),
    ...madeSets.map((set) => ['add', setWord(set), ...place, `${set.name} { ${setTypeText(set)}; }`]),
    ...madeChains.map((chain) => ['add', 'chain', ...place, chainText(chain)]),
    ...after.chains.flatMap((chain) => policyCommands(place, namesake(before?.chains, chain), chain)),
    ...after.sets.flatMap((set) => elementCommands(place, 'delete', set, namesake(before?.sets, set), set)),
    ...after.chains.flatMap((chain) =>
      ruleCommands([...place, chain.name], namesake(before?.chains, chain)?.rules ?? [], chain.rules),
    ),
    ...after.sets.flatMap((set) => elementCommands(place, 'add', set, set, namesake(before?.sets, set))),
    ...goneSets.map((set) => ['delete', setWord(set), ...place, set.name]),
    ...goneChains.map((chain) => ['flush', 'chain', ...place, chain.name]),
    ...goneChains.map((chain) => ['delete', 'chain', ...place, chain.name]),
  ];
}

function without<T extends { readonly name: string }>(
  list: readonly T[],
  others: readonly T[],
): readonly T[] {
  return list.filter(({ name }) => !others.some((other) => other.name === name));
}

function policyCommands(place: NftArgs, before: NftChain | undefined, after: NftChain): readonly NftArgs[] {
  const policy = after.base?.policy;
  if (before?.base === undefined || policy === undefined || before.base.policy === policy) return [];
  return [['chain', ...place, after.name, `{ policy ${policy}; }`]];
}

/** Adds or deletes the elements that only `those` has. */
function elementCommands(
  place: NftArgs,
  op: 'add' | 'delete',
  set: NftSet,
  those: NftSet | undefined,
  others: NftSet | undefined,
): readonly NftArgs[] {
  const elements = (those?.elements ?? []).filter(
    (element) => others?.elements.some((other) => sameElement(element, other)) !== true,
  );
  return elements.map((element) => [op, 'element', ...place, set.name, `{ ${formatElement(element, set)} }`]);
}

/** A rule is named by its handle; a chain in which a handle is not known is filled anew, as the engine does it, if it can be. */
function ruleCommands(
  place: NftArgs,
  before: readonly NftRule[],
  after: readonly NftRule[],
): readonly (NftArgs | undefined)[] {
  const stay = entriesThatStay(before.map(nftRuleKey), after.map(nftRuleKey));
  const keptOld = new Set(stay.map(({ old }) => old));
  const oldPlace = new Map(stay.map(({ old, wanted }) => [wanted, old]));
  const deletions = before.flatMap((rule, index) =>
    keptOld.has(index) ? [] : [['delete', 'rule', ...place, 'handle', `${rule.handle}`]],
  );
  const front: NftArgs[] = [];
  const others: NftArgs[] = [];
  const firstKept = Math.min(...oldPlace.keys());
  const needed = before.filter((_, index) => !keptOld.has(index));
  for (const [index, rule] of after.entries()) {
    if (oldPlace.has(index)) continue;
    const text = formatNftRule(rule);
    const next = stay.find(({ wanted }) => wanted > index);
    const above = next === undefined ? undefined : before[next.old];
    if (above === undefined) others.push(['add', 'rule', ...place, text]);
    // Each goes before all others, so the last one is first in the end.
    else if (index < firstKept) front.unshift(['insert', 'rule', ...place, text]);
    else {
      needed.push(above);
      others.push(['insert', 'rule', ...place, 'handle', `${above.handle}`, text]);
    }
  }
  if (needed.every(({ handle }) => handle !== undefined)) return [...deletions, ...front, ...others];
  if (!after.every(isPrintedWhole)) return [undefined];
  return [
    ['flush', 'chain', ...place],
    ...after.map((rule) => ['add', 'rule', ...place, formatNftRule(rule)]),
  ];
}

/** Whether the text of a rule says all of it: of what only observes, and of limits, the text for people is short. */
export function isPrintedWhole({ statements }: NftRule): boolean {
  return statements.every(
    (statement) =>
      statement.kind !== 'unknown' &&
      statement.kind !== 'limit' &&
      (statement.kind !== 'observe' || statement.name === 'counter'),
  );
}
