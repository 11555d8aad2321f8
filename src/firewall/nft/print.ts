/**
 * Native tables as text, as `nft -s list ruleset` prints them: without handles and counts, input for `nft -f`.
 * In: tables. Out: lines, each with the reason of what it prints, or one text. Nothing is left out or reordered.
 */
import type { Reason } from '../../net/reason.ts';
import { formatElement, formatNftRule, hookText, setTypeText, setWord } from './format.ts';
import { type NftChain, type NftSet, type NftTable, tableText } from './model.ts';

export interface NftLine {
  readonly text: string;
  readonly reason?: Reason | undefined;
}

/** The listing, ending in a newline; nothing for no tables. */
export function printNft(tables: readonly NftTable[]): string {
  return tables
    .flatMap(nftLines)
    .map(({ text }) => `${text}\n`)
    .join('');
}

/** The lines of one table. */
export function nftLines(table: NftTable): readonly NftLine[] {
  const blocks = [
    ...table.sets.map((set) => setLines(set)),
    ...table.chains.map((chain) => chainLines(table, chain)),
  ];
  return [
    { text: `table ${tableText(table)} {`, reason: table.reason },
    ...(table.owned === true ? [{ text: '\tflags owner' }] : []),
    ...blocks.flatMap((block, index) => (index === 0 ? block : [{ text: '' }, ...block])),
    { text: '}' },
  ];
}

function setLines(set: NftSet): readonly NftLine[] {
  const last = set.elements.length - 1;
  return [
    { text: `\t${setWord(set)} ${set.name} {`, reason: set.reason },
    { text: `\t\t${setTypeText(set)}` },
    ...(set.dynamic ? [{ text: '\t\tflags dynamic' }] : []),
    ...set.elements.map((element, index) => ({
      text: `${index === 0 ? '\t\telements = { ' : '\t\t\t     '}${formatElement(element, set)}${index === last ? ' }' : ','}`,
      reason: element.reason,
    })),
    { text: '\t}' },
  ];
}

function chainLines(table: NftTable, { name, base, rules, reason }: NftChain): readonly NftLine[] {
  return [
    { text: `\tchain ${name} {`, reason },
    ...(base === undefined ? [] : [{ text: `\t\t${hookText(table, base)}` }]),
    ...rules.map((rule) => ({ text: `\t\t${formatNftRule(rule)}`, reason: rule.reason })),
    { text: '\t}' },
  ];
}
