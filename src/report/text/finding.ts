/**
 * One finding as text: a head, a paragraph and rows of label and line. In: a finding, its diagnosis and a catalogue. Out: text
 * without layout, so that other programs of ours (the tour) can set it in their own. Every line of a row may be copied.
 */
import type { Diagnosis, Evidence, Finding, ProvedFlow, Repair } from '../../diagnosis/finding.ts';
import { formatAddr } from '../../net/addr.ts';
import type { Because } from '../../net/reason.ts';
import { flowText } from '../flow-text.ts';
import { type Death, deathOf, storyOf } from '../story.ts';
import type { Catalogue } from './catalogue.ts';
import { displayWidth, padTo, plain, solid, type Tone } from './layout.ts';

/** One line; a row of several lines has its label on the first. */
export interface Row {
  readonly label: string;
  readonly text: string;
  readonly tone?: Tone;
}

export interface FindingText {
  /** `masquerade-disabled`, and how many flows fail because of it. */
  readonly head: string;
  /** One paragraph, not wrapped; its unbreakable parts are `solid`. */
  readonly summary: string;
  readonly rows: readonly Row[];
}

/** More than this of one kind is counted, not shown: JSON has all. */
const maxFlows = 5;
const maxEvidence = 3;
const maxCommands = 12;

export function findingText(finding: Finding, diagnosis: Diagnosis, words: Catalogue): FindingText {
  const { labels } = words;
  const summary = summaryText(finding, diagnosis, words);
  const evidence = finding.evidence.map((one) => evidenceLine(one, plain(summary), words));
  return {
    head: headText(finding, diagnosis, words),
    summary,
    rows: [
      ...rowsOf(labels.because, settingLines(finding.because, words)),
      ...rowsOf(labels.evidence, shorten(evidence, maxEvidence, words)),
      ...rowsOf(labels.diesAt, deathLines(finding, words), 'bad'),
      ...(finding.decide === undefined ? [] : rowsOf(labels.decide, finding.decide.split('\n'))),
      ...repairRows(finding.repairs, words),
      ...rowsOf(labels.together, othersOf(finding, words)),
      ...rowsOf(labels.proof, proofLines(finding.proof.flows, words), 'good'),
      ...rowsOf(labels.price, priceLines(finding, words)),
    ],
  };
}

/** The paragraph of a finding: what happens, why, and where the same firewall stops more. */
export function summaryText(finding: Finding, diagnosis: Diagnosis, words: Catalogue): string {
  const summary = words.causes[finding.cause](storyOf(finding, diagnosis));
  const { also } = finding.params;
  return also === undefined ? summary : words.stopsAlso(summary, also.split('\n').map(solid));
}

function headText(
  { cause, severity, flows, proof }: Finding,
  diagnosis: Diagnosis,
  words: Catalogue,
): string {
  const name = severity === 'error' ? cause : `${cause} (${words.severity[severity]})`;
  if (flows.length === 0) return name;
  const suspected = proof.flows.length > 0 && proof.flows.every(({ before }) => before === 'unknown');
  const asked = diagnosis.asked.length;
  return `${name}: ${suspected ? words.notDecided(flows.length, asked) : words.failing(flows.length, asked)}`;
}

/** Width of the widest label that a catalogue has. */
export function labelWidth(words: Catalogue): number {
  return Math.max(...Object.values(words.labels).map(displayWidth));
}

/** What stands under a label; the tone is the first line's. */
export function rowsOf(label: string, lines: readonly string[], tone?: Tone): readonly Row[] {
  return lines.map((text, i) =>
    i === 0 ? { label, text, ...(tone === undefined ? {} : { tone }) } : { label: '', text },
  );
}

/** The first of many lines, and how many are left out. */
export function shorten(lines: readonly string[], max: number, words: Catalogue): readonly string[] {
  return lines.length <= max ? lines : [...lines.slice(0, max), words.more(lines.length - max)];
}

/** What was asked for rather than set: that a rule exists because its network does, explains nothing. */
const requests: ReadonlySet<string> = new Set(['engine', 'network', 'endpoint']);

function settingLines(because: readonly Because[], words: Catalogue): readonly string[] {
  return because
    .filter(({ setting }) => !requests.has(setting))
    .map(({ setting, value, origin }) => {
      const given = value === null ? setting : `${setting} = ${value}`;
      return `${given}  (${words.origin(origin)})`;
    });
}

/** What the summary has said already is not said again; its place is. */
function evidenceLine({ file, line, text }: Evidence, said: string, words: Catalogue): string {
  const place = file === 'plan' ? words.planned : line === undefined ? file : `${file}:${line}`;
  return text === '' || (line !== undefined && said.includes(text)) ? place : `${place}  ${text}`;
}

function deathLines(finding: Finding, words: Catalogue): readonly string[] {
  const death = finding.walk === undefined ? undefined : deathOf(finding.walk);
  return death === undefined ? [] : [deathText(death, words)];
}

/** `inet, route (reply): no route to 172.17.0.2`. */
export function deathText(death: Death, words: Catalogue): string {
  const { way, namespace, where, why, detail, dst } = death;
  const reason = why === 'no route' && dst !== undefined ? `no route to ${formatAddr(dst)}` : why;
  const more = detail === undefined ? '' : `, ${words.phrase(detail)}`;
  return `${words.death(way, namespace, where)}: ${words.phrase(reason)}${more}`;
}

/** Commands that change the running kernel and nothing that outlives it. */
const passing = /^(ip|bridge|sysctl|nsenter|ip6?tables(-legacy)?) /;

function repairRows(repairs: readonly Repair[], words: Catalogue): readonly Row[] {
  return repairs.flatMap(({ kind, change }, i) => {
    const lines = shorten(change.split('\n').map(words.phrase), maxCommands, words);
    const lasts = passing.test(change) ? words.lasts[kind] : '';
    const label = i === 0 ? words.labels.repair : words.labels.or;
    return rowsOf(label, lasts === '' ? lines : [`# ${lasts}`, ...lines]);
  });
}

/** What else is needed, by all of the flows or by some. */
function othersOf({ together = [], flows }: Finding, words: Catalogue): readonly string[] {
  return together.map((other) =>
    words.onlyWith(other.cause, other.flows === flows.length ? undefined : other.flows),
  );
}

function proofLines(proved: readonly ProvedFlow[], words: Catalogue): readonly string[] {
  if (proved.length === 0) return [];
  const shown = proved.slice(0, maxFlows);
  const width = Math.max(...shown.map(({ flow }) => displayWidth(flowText(flow))));
  const lines = shown.map(({ flow, before, after }) => {
    const was = before === 'ok' ? words.wrongReceiver : words.outcome(before);
    return `${padTo(flowText(flow), width)}  ${was} -> ${words.outcome(after)}`;
  });
  const left = proved.length - shown.length;
  return [words.proved(proved.length), ...lines, ...(left === 0 ? [] : [words.more(left)])];
}

function priceLines(finding: Finding, words: Catalogue): readonly string[] {
  const { flows, newlyAllowed } = finding.proof;
  if (flows.length === 0) return [];
  if (newlyAllowed.length === 0) return [words.nothingElse];
  const lines = newlyAllowed.map((flow) =>
    flow.direct === true ? `${flowText(flow)}  (${words.routedThere})` : flowText(flow),
  );
  return [words.alsoAllowed(newlyAllowed.length), ...shorten(lines, maxFlows, words)];
}
