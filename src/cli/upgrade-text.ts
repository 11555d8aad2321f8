/**
 * An upgrade for people: defaults that change, what goes, what comes, what stays behind, each with its reason.
 * In: an Upgrade and the two versions. Out: text. It computes nothing.
 */
import type { Family } from '../net/addr.ts';
import type { PlanPart } from '../plan/difference.ts';
import type { LeftBehind } from '../plan/left-behind.ts';
import type { ChangedDefault, Upgrade } from '../plan/upgrade.ts';
import { describePart, indent, show, table } from './parts-text.ts';
import { describeReason } from './rules-text.ts';

export interface Versions {
  /** With the generation of its rules: `28.5.2 (G9)`. */
  readonly from: string;
  readonly to: string;
}

/** The whole answer, ending in a newline. */
export function upgradeText(upgrade: Upgrade, { from, to }: Versions): string {
  const { removed, added, leftBehind, defaults } = upgrade;
  if (removed.length + added.length + leftBehind.length === 0)
    return `from ${from} to ${to}: no rule, link, route, sysctl or proxy changes\n`;
  const sections = [
    [`from ${from} to ${to}: ${removed.length} go, ${added.length} come, ${leftBehind.length} stay behind`],
    section('defaults that change, and matter here', defaults.map(defaultLine)),
    section('go', partLines('-', removed)),
    section('come', partLines('+', added)),
    section(
      'stay behind: an earlier engine made them, a host that starts with the new one would not have them',
      leftLines(leftBehind),
    ),
  ].filter((lines) => lines.length > 0);
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** Only one family's rules; what is no rule stays. */
export function onlyFamily(upgrade: Upgrade, family: Family): Upgrade {
  const isOfFamily = (part: { readonly family?: Family }) =>
    part.family === undefined || part.family === family;
  const ofParts = ({ removed, added }: Pick<Upgrade, 'removed' | 'added'>) => ({
    removed: removed.filter(isOfFamily),
    added: added.filter(isOfFamily),
  });
  return {
    ...upgrade,
    ...ofParts(upgrade),
    leftBehind: upgrade.leftBehind.filter(isOfFamily),
    defaults: upgrade.defaults
      .map((changed) => ({ ...changed, difference: ofParts(changed.difference) }))
      .filter(({ difference }) => difference.removed.length + difference.added.length > 0),
  };
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [title, ...indent(lines)];
}

function defaultLine({ option, from, to, difference }: ChangedDefault): string {
  const { removed, added } = difference;
  const effect = [
    ...(removed.length > 0 ? [`takes away ${removed.length}`] : []),
    ...(added.length > 0 ? [`brings ${added.length}`] : []),
  ];
  return `${option}: ${show(from)} to ${show(to)}, which ${effect.join(' and ')} of what is listed`;
}

function partLines(mark: string, parts: readonly PlanPart[]): readonly string[] {
  return withReasons(parts.map((part) => [`${mark} ${describePart(part)}`, part.reason?.step ?? '']));
}

function leftLines(parts: readonly LeftBehind[]): readonly string[] {
  return withReasons(
    parts.map(({ made, why, ...part }) => [
      `= ${describePart(part)}`,
      `${why === 'tables-off' ? 'no rules of this family are touched any more; made to ' : 'made to '}${describeReason(made)}`,
    ]),
  );
}

function withReasons(rows: readonly (readonly [string, string])[]): readonly string[] {
  return table(rows.map(([what, why]) => [what, why === '' ? '' : `# ${why}`])).map((line) => line.trimEnd());
}
