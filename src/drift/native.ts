/**
 * Native nftables: planned tables against those that are there. In: the plan and the host's tables. Out: differences. Tables that are
 * not the engine's are one difference each: somebody else's.
 */
import { alignChains } from '../firewall/align.ts';
import { minus } from '../firewall/merge-list.ts';
import { chainText, formatElement, formatNftRule, setTypeText, setWord } from '../firewall/nft/format.ts';
import {
  findNftChain,
  findNftTable,
  type NftChain,
  type NftRuleset,
  type NftSet,
  type NftTable,
  tableText,
} from '../firewall/nft/model.ts';
import { nftRules } from '../firewall/nft/put-back.ts';
import { sameElement } from '../firewall/nft/same.ts';
import type { Reason } from '../net/reason.ts';
import { classifyNftTable } from '../plan/classify.ts';
import type { Difference } from './difference.ts';

/** Everything in which the host's native tables and the plan's differ. */
export function nativeDifferences(planned: NftRuleset, observed: NftRuleset): readonly Difference[] {
  return [
    ...planned.tables.flatMap((table) => tableDifferences(table, findNftTable(observed, table))),
    ...observed.tables
      .filter((table) => findNftTable(planned, table) === undefined)
      .map((table): Difference => {
        const { owner } = classifyNftTable(table.name);
        if (owner === 'docker') return of('stale', table, undefined, 'the whole table');
        const foreign = of('foreign', table, undefined, 'the whole table');
        return owner === 'unknown' ? foreign : { ...foreign, owner };
      }),
  ];
}

function of(
  kind: Difference['kind'],
  { family, name }: NftTable,
  chain: string | undefined,
  text: string,
  reason?: Reason,
): Difference {
  return {
    kind,
    place: { in: 'nft', family, table: name, ...(chain === undefined ? {} : { chain }) },
    text,
    ...(reason === undefined ? {} : { reason }),
  };
}

function tableDifferences(planned: NftTable, observed: NftTable | undefined): readonly Difference[] {
  const chains = planned.chains.flatMap((chain) => {
    const there = observed === undefined ? undefined : findNftChain(observed, chain.name);
    return chainDifferences(planned, chain, there);
  });
  const sets = planned.sets.flatMap((set) =>
    setDifferences(
      planned,
      set,
      observed?.sets.find(({ name }) => name === set.name),
    ),
  );
  const table =
    observed === undefined
      ? [of('missing', planned, undefined, `table ${tableText(planned)}`, planned.reason)]
      : [];
  const extra = (observed?.chains ?? [])
    .filter(({ name }) => findNftChain(planned, name) === undefined)
    .map(({ name }) => of('stale', planned, name, `chain ${name}`));
  return [...table, ...chains, ...sets, ...extra];
}

function chainDifferences(
  table: NftTable,
  planned: NftChain,
  observed: NftChain | undefined,
): readonly Difference[] {
  const { name, reason } = planned;
  const { pairs, missing, extra } = alignChains(planned.rules, observed?.rules ?? [], nftRules);
  const policy = planned.base?.policy;
  const seen = observed?.base?.policy;
  const at = (kind: Difference['kind'], chain: NftChain | undefined, place: number, why?: Reason) => {
    const rule = chain?.rules[place];
    return rule === undefined
      ? []
      : [{ ...of(kind, table, name, formatNftRule(rule), why ?? rule.reason), position: place + 1 }];
  };
  return [
    ...(observed === undefined ? [of('missing', table, name, `chain ${chainText(planned)}`, reason)] : []),
    ...(policy === undefined || seen === undefined || policy === seen
      ? []
      : [{ ...of('changed', table, name, `policy ${policy}`, reason), observed: `policy ${seen}` }]),
    ...missing.flatMap((place) => at('missing', planned, place)),
    ...pairs
      .filter(({ order }) => order === 'misordered')
      .flatMap((pair) => at('misordered', observed, pair.observed, planned.rules[pair.planned]?.reason)),
    ...extra.flatMap((place) => at('stale', observed, place)),
  ];
}

/** A set whose elements come and go with the traffic has no planned ones. */
function setDifferences(
  table: NftTable,
  planned: NftSet,
  observed: NftSet | undefined,
): readonly Difference[] {
  const elements = (kind: Difference['kind'], those: NftSet, others: NftSet | undefined) =>
    minus(those.elements, others?.elements ?? [], sameElement).map((element) =>
      of(kind, table, planned.name, `{ ${formatElement(element, planned)} }`, element.reason),
    );
  return [
    ...(observed === undefined
      ? [
          of(
            'missing',
            table,
            planned.name,
            `${setWord(planned)} ${planned.name} { ${setTypeText(planned)}; }`,
            planned.reason,
          ),
        ]
      : []),
    ...elements('missing', planned, observed),
    ...(observed === undefined ? [] : elements('stale', observed, planned)),
  ];
}
