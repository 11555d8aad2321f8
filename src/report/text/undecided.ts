/**
 * What the facts do not decide, as text: open facts with what follows from them either way, and the command that tells each. In: walks
 * with an unknown outcome, a catalogue. Out: rows; the caller lays them.
 */
import type { Outcome, Trace, Unknown } from '../../packet/trace.ts';
import type { Catalogue } from './catalogue.ts';
import { type Row, rowsOf, shorten } from './finding.ts';

const maxUnknowns = 3;

/** Under each command what it would tell, the most telling first. */
export function undecidedRows(unknown: readonly Trace[], words: Catalogue): readonly Row[] {
  const byCommand = new Map<string, Set<string>>();
  const open = unknown.flatMap(({ unknowns }) => unknowns);
  for (const { fact, command = '' } of open) {
    const bounds = sharedBounds(open.filter((other) => other.fact === fact));
    const said =
      bounds === undefined ? words.phrase(fact) : `${words.phrase(fact)}  (${boundsText(bounds, words)})`;
    byCommand.set(command, (byCommand.get(command) ?? new Set()).add(said));
  }
  return [...byCommand].flatMap(([command, facts]) => [
    ...rowsOf(words.labels.unknown, shorten([...facts], maxUnknowns, words)),
    ...(command === '' ? [] : rowsOf(words.labels.decide, [command])),
  ]);
}

type Bounds = NonNullable<Unknown['outcomes']>;

/** What follows from a fact, where that is the same for all flows that meet it. */
function sharedBounds(met: readonly Unknown[]): Bounds | undefined {
  const said = met.map(({ outcomes }) => outcomes);
  const [first] = said;
  return said.every((other) => JSON.stringify(other) === JSON.stringify(first)) ? first : undefined;
}

/** `if so ok, if not timeout`. */
export function boundsText({ ifSo, ifNot }: Bounds, words: Catalogue): string {
  return words.bounds(outcomesText(ifSo, words), outcomesText(ifNot, words));
}

/** `ok or timeout`. */
export function outcomesText(outcomes: readonly Outcome[], words: Catalogue): string {
  return words.either(outcomes.map(words.outcome));
}

/** What an unknown outcome may be: `either ok or timeout`. */
export function possibleText(possible: readonly Outcome[], words: Catalogue): string {
  return words.possible(outcomesText(possible, words), possible.length);
}
