/**
 * Candidates from the native tables of a plan: rules, chains and elements of maps that should be there and are not, put back alone
 * or together. In: the plan and the observed tables. Out: candidates. A table that lost most of what is planned for it was
 * flushed: then the event is the cause, and its single parts are not tried one by one.
 */
import { chainOfVerdict, chainsBehind } from '../../firewall/nft/condition.ts';
import { formatElement, formatNftRule } from '../../firewall/nft/format.ts';
import { missingFrom } from '../../firewall/nft/merge.ts';
import {
  findNftChain,
  findNftTable,
  type NatKind,
  type NftChain,
  type NftRule,
  type NftSet,
  type NftTable,
  type SetElement,
  tableText,
} from '../../firewall/nft/model.ts';
import { putBackNft } from '../../firewall/nft/put-back.ts';
import type { Because, Reason } from '../../net/reason.ts';
import type { Candidate, Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';
import { type Culprit, whoDeleted } from './flush-causes.ts';
import { flushedShare } from './plan-parts.ts';

/** A rule or an element that is missing, and the table as planned. */
type Part = { readonly table: NftTable } & (
  | { readonly kind: 'rule'; readonly chain: NftChain; readonly rule: NftRule }
  | { readonly kind: 'element'; readonly set: NftSet; readonly element: SetElement }
);

/** Candidates that put back what is missing of the plan's native tables. */
export function nativePartCandidates(patient: Patient): Candidate[] {
  const { expected, state } = patient;
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (expected === undefined || host?.nft === undefined) return [];
  const { nft: observed, name: namespace } = host;
  const plan = expected.plan.nft;
  const missing = missingFrom(plan, observed).tables;
  const restore = (
    key: string,
    culprit: Culprit,
    cost: number,
    parts: readonly Part[],
    tables: readonly NftTable[],
  ): Candidate => ({
    key,
    cause: culprit.cause,
    restriction: false,
    params: {
      ...culprit.params,
      count: String(parts.length),
      table: parts[0] === undefined ? '' : tableText(parts[0].table),
      rule: parts[0] === undefined ? '' : describe(parts[0]),
    },
    changes: [
      {
        namespace,
        kind: 'nft',
        from: observed,
        to: putBackNft(observed, { tables, twins: [] }),
      },
    ],
    cost,
    because: parts.slice(0, 1).flatMap((part): readonly Because[] => reasonOf(part)?.because ?? []),
    evidence: [
      ...culprit.evidence,
      ...parts.slice(0, 3).map((part) => ({ file: 'plan', text: describe(part) })),
    ],
    repairs: [],
  });
  const candidates = missing.flatMap((lost): Candidate[] => {
    const planned = findNftTable(plan, lost) ?? lost;
    const parts = partsOf(lost, planned);
    const flushed = isFlushed(planned, parts);
    const culprit = flushed ? whoDeleted(patient, host, [planned]) : culpritOf(parts);
    const all = restore(`missing of ${tableText(lost)}`, culprit, flushed ? 1.5 : 2.5, parts, [planned]);
    if (flushed) return [all];
    const singles = parts.map((part) => {
      const only = without(planned, new Set(parts.filter((other) => other !== part).map(thingOf)));
      return restore(`missing ${tableText(lost)} ${describe(part)}`, culpritOf([part]), 1, [part], [only]);
    });
    return [all, ...singles];
  });
  if (missing.length < 2) return candidates;
  const parts = missing.flatMap((lost) => partsOf(lost, findNftTable(plan, lost) ?? lost));
  const isFlush = missing.some((lost) => {
    const planned = findNftTable(plan, lost) ?? lost;
    return isFlushed(planned, partsOf(lost, planned));
  });
  const culprit = isFlush ? whoDeleted(patient, host, missing) : culpritOf(parts);
  return [...candidates, restore('all that is missing of native tables', culprit, 3, parts, plan.tables)];
}

function culpritOf(parts: readonly Part[]): Culprit {
  return { cause: causeOf(parts), params: {}, evidence: [] };
}

function partsOf(of: NftTable, table: NftTable): readonly Part[] {
  return [
    ...of.chains.flatMap((chain) => chain.rules.map((rule): Part => ({ table, kind: 'rule', chain, rule }))),
    ...of.sets.flatMap((set) =>
      set.elements.map((element): Part => ({ table, kind: 'element', set, element })),
    ),
  ];
}

function thingOf(part: Part): NftRule | SetElement {
  return part.kind === 'rule' ? part.rule : part.element;
}

/** The planned table without these parts. */
function without(table: NftTable, gone: ReadonlySet<NftRule | SetElement>): NftTable {
  return {
    ...table,
    chains: table.chains.map((chain) => ({ ...chain, rules: chain.rules.filter((rule) => !gone.has(rule)) })),
    sets: table.sets.map((set) => ({
      ...set,
      elements: set.elements.filter((element) => !gone.has(element)),
    })),
  };
}

function isFlushed(planned: NftTable, lost: readonly Part[]): boolean {
  const whole = partsOf(planned, planned).length;
  return lost.length >= 2 && lost.length / whole >= flushedShare;
}

function describe(part: Part): string {
  return part.kind === 'rule'
    ? `${part.chain.name} ${formatNftRule(part.rule)}`
    : `${part.set.name} { ${formatElement(part.element, part.set)} }`;
}

function reasonOf(part: Part): Reason | undefined {
  return thingOf(part).reason;
}

/** By what a part translates, itself or in the chains that it leads to. */
function causeOf(lost: readonly Part[]): Cause {
  const own = lost.flatMap((part) => (part.kind === 'rule' ? translationsOf([part.rule]) : []));
  const behind = lost.flatMap((part) => translationsOf(rulesBehind(part)));
  const all = [...own, ...behind];
  if (all.includes('masquerade') || all.includes('snat')) return 'masquerade-rule-missing';
  if (own.includes('dnat')) return 'dnat-rule-missing';
  return behind.includes('dnat') ? 'nat-jump-missing' : 'filter-rule-missing';
}

function translationsOf(rules: readonly NftRule[]): readonly NatKind[] {
  return rules.flatMap(({ statements }) =>
    statements.flatMap((statement) => (statement.kind === 'nat' ? [statement.nat] : [])),
  );
}

/** The rules of the chains that a part leads to, by a jump or by a map. */
function rulesBehind({ table, ...part }: Part): readonly NftRule[] {
  const chains = part.kind === 'rule' ? chainsBehind(table, part.rule) : chainOfVerdict(part.element.verdict);
  return chains.flatMap((name) => findNftChain(table, name)?.rules ?? []);
}
