/**
 * Drift as text: like a diff, by table and chain, with the reason of what is missing. In: differences, words, a painter. Out: lines.
 * `-` is missing, `~` changed, `!` out of place, `+` left behind. What others made is counted, not listed, unless asked for.
 */
import { type Difference, isDrift, type Place } from '../../drift/difference.ts';
import type { Drift } from '../../drift/drift.ts';
import type { Reason } from '../../net/reason.ts';
import type { Catalogue } from './catalogue.ts';
import type { DriftCounts, DriftWords } from './drift-words.ts';
import { type Paint, printable, type Tone } from './layout.ts';

export interface DriftTextOptions {
  readonly words: Catalogue;
  readonly driftWords: DriftWords;
  readonly paint: Paint;
  /** The engine's version. */
  readonly engine: string;
  /** Lists what others made too. */
  readonly foreign?: boolean;
}

const marks: Readonly<Record<Difference['kind'], { readonly mark: string; readonly tone: Tone }>> = {
  missing: { mark: '-', tone: 'bad' },
  changed: { mark: '~', tone: 'bad' },
  misordered: { mark: '!', tone: 'bad' },
  stale: { mark: '+', tone: 'title' },
  foreign: { mark: ' ', tone: 'faint' },
};

/** More lines of one place than this are counted: `--json` has all. */
const maxLines = 40;

/** The whole answer of `drift`. */
export function driftText(drift: Drift, options: DriftTextOptions): string {
  const { driftWords, engine, paint, foreign } = options;
  const shown = drift.differences.filter((difference) => foreign === true || isDrift(difference));
  const counts = countsOf(drift.differences);
  const good = Object.values(counts).every((count) => count === 0);
  const verdict = good
    ? paint('good', driftWords.asPlanned(engine))
    : paint('bad', driftWords.drifted(counts, engine));
  const blocks = [
    ...differenceBlocks(shown, options),
    ...(foreign === true ? [] : ownersBlock(drift.differences, options)),
    ...(drift.unknown.length === 0
      ? []
      : [[`${driftWords.notCompared}:`, ...drift.unknown.map((line) => `  ${printable(line)}`)]]),
    [verdict],
  ];
  return `${blocks.map((block) => block.join('\n')).join('\n\n')}\n`;
}

function countsOf(differences: readonly Difference[]): DriftCounts {
  const count = (kind: Difference['kind']) => differences.filter((one) => one.kind === kind).length;
  return {
    missing: count('missing'),
    changed: count('changed'),
    misordered: count('misordered'),
    stale: count('stale'),
  };
}

/** Differences by place, as blocks of lines. */
export function differenceBlocks(
  differences: readonly Difference[],
  options: DriftTextOptions,
): readonly (readonly string[])[] {
  const places = Map.groupBy(differences, ({ place }) => placeText(place));
  return [...places].map(([place, found]) => [
    options.paint('title', place),
    ...found.slice(0, maxLines).flatMap((difference) => differenceLines(difference, options)),
    ...(found.length > maxLines ? [`  ${options.driftWords.more(found.length - maxLines)}`] : []),
  ]);
}

/** `filter FORWARD (iptables-nft, ipv4)` */
export function placeText(place: Place): string {
  switch (place.in) {
    case 'iptables':
      return printable(`${place.table} ${place.chain} (${place.backend}, ${place.family})`);
    case 'nft':
      return printable(['table', place.family, place.table, place.chain ?? ''].join(' ').trim());
    default:
      return place.in;
  }
}

function differenceLines(difference: Difference, options: DriftTextOptions): readonly string[] {
  const { mark, tone } = marks[difference.kind];
  const notes = notesOf(difference, options);
  return [
    `  ${options.paint(tone, `${mark} ${printable(difference.text)}`)}`,
    ...notes.map((note) => `      ${options.paint('faint', printable(note))}`),
  ];
}

function notesOf(
  { kind, observed, reason, owner }: Difference,
  options: DriftTextOptions,
): readonly string[] {
  const { driftWords } = options;
  const why = reason === undefined ? [] : [reasonText(reason, options.words)];
  switch (kind) {
    case 'missing':
      return why;
    case 'changed':
      return [...(observed === undefined ? [] : [driftWords.insteadOf(observed)]), ...why];
    case 'misordered':
      return [observed === undefined ? driftWords.outOfOrder : driftWords.below(observed), ...why];
    case 'stale':
      return [driftWords.stale];
    case 'foreign':
      return owner === undefined ? [] : [owner];
  }
}

/** `masquerade what leaves the network: ip-masq = true (default)` */
function reasonText({ step, because }: Reason, words: Catalogue): string {
  const settings = because.map(({ setting, value, origin }) =>
    value === null ? setting : `${setting} = ${value} (${words.origin(origin)})`,
  );
  return [words.phrase(step), settings.join(', ')].filter((part) => part !== '').join(': ');
}

/** How much others have put there, by who they are. */
function ownersBlock(
  differences: readonly Difference[],
  { driftWords }: DriftTextOptions,
): readonly (readonly string[])[] {
  const foreign = differences.filter((difference) => !isDrift(difference));
  if (foreign.length === 0) return [];
  const owners = Map.groupBy(foreign, ({ owner }) => owner ?? driftWords.nobodyKnown);
  const counts = [...owners].map(([owner, parts]) => `${owner} ${parts.length}`);
  return [[`${driftWords.others}: ${printable(counts.join(', '))}`]];
}
