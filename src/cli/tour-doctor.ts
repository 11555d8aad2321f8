/**
 * Step 4 of the tour: the doctor's answer about a lab. In: the lab. Out: rows to print, made of the first finding alone, and
 * its repair as a change of the kernel. It knows no cause: what it says is what the finding holds.
 */
import { captureFacts } from '../bundle/capture.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import type { Finding } from '../diagnosis/finding.ts';
import { engineTarget } from '../engine/live.ts';
import { formatRule } from '../firewall/args.ts';
import { editTable } from '../firewall/edit.ts';
import type { Rule } from '../firewall/ruleset.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import type { Change } from '../kernel/change.ts';
import { changeOf } from '../kernel/state-change.ts';
import type { Lab } from '../lab/build.ts';
import { formatAddr } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { Because } from '../net/reason.ts';
import { expectedFromFacts } from '../plan/expected.ts';
import type { Tone } from './terminal.ts';
import type { TourText } from './tour-text.ts';

export type Row = readonly [label: string, text: string, tone?: Tone];

export interface LabDiagnosis {
  readonly rows: readonly Row[];
  readonly repair: Change;
  /** Parts of the repair that cannot be applied from here. */
  readonly left: readonly string[];
}

/** Looks at the lab's host as `doctor` looks at any; undefined when it finds nothing wrong. */
export async function diagnoseLab(lab: Lab, words: TourText): Promise<LabDiagnosis | undefined> {
  const facts = await captureFacts(engineTarget(lab.facts));
  const { state } = hostStateFromFacts(facts);
  const { findings } = diagnose({ state, expected: expectedFromFacts(facts, { state }), facts });
  const finding = findings.find(({ severity }) => severity === 'error');
  if (finding === undefined) return undefined;
  const where = (name: string) => (name === 'host' ? undefined : lab.engine.containers.get(name)?.path);
  const { change, left } = changeOf(finding.changes, where);
  return { rows: findingRows(finding, words), repair: change, left: left.map(({ kind }) => kind) };
}

function findingRows(finding: Finding, words: TourText): readonly Row[] {
  const added = addedRules(finding);
  return [
    [words.finding, `${finding.severity}: ${finding.cause}`, 'bad'],
    ...wayOut(finding, added, words),
    ...finding.because.flatMap((because) => becauseRows(because, added, words)),
    ...finding.repairs.flatMap(({ kind, change }) =>
      labelled(kind === 'config' ? words.repair : words.repairNow, change.split('\n')),
    ),
    ...labelled(
      words.proof,
      finding.proof.flows.map(({ flow, before, after }) => `${flowText(flow)}  ${before} -> ${after}`),
      'good',
    ),
    [
      words.alsoAllows,
      finding.proof.newlyAllowed.length === 0
        ? words.nothingElse
        : finding.proof.newlyAllowed.map(flowText).join(', '),
    ],
  ];
}

/** How the packet left the host, as the walk says, and which rule would have been asked there. */
function wayOut(finding: Finding, added: readonly AddedRule[], words: TourText): readonly Row[] {
  const steps =
    finding.walk?.hops.flatMap((hop) => hop.steps.map((step) => ({ ...step, at: hop.namespace }))) ?? [];
  const sent = steps.findLast((step) => step.kind === 'transmit');
  const arrived = steps.findLast((step) => step.kind === 'receive');
  const missing = added.find(({ hop }) => hop === finding.hop);
  const subject = missing?.rule.source?.value;
  return [
    ...(sent === undefined || arrived === undefined || finding.walk === undefined
      ? []
      : [['', words.leavesAs(finding.walk.flow.from, sent.dev, formatAddr(arrived.header.src))] as const]),
    ...(subject === undefined
      ? []
      : [
          [
            '',
            words.noRule(finding.hop, typeof subject === 'string' ? subject : formatPrefix(subject)),
          ] as const,
        ]),
  ];
}

function becauseRows(because: Because, added: readonly AddedRule[], words: TourText): readonly Row[] {
  const { setting, value, origin } = because;
  const place = origin.kind === 'file' ? words.line(origin.path, origin.line) : origin.kind;
  const rules = added.map(({ chain, rule }) => `-A ${chain} ${formatRule(rule)}`);
  return [
    [words.because, words.settingIs(setting, String(value), place), 'title'],
    ...(typeof value === 'boolean'
      ? labelled('', [words.otherwise(setting, String(!value)), ...rules.map((rule) => `  ${rule}`)])
      : []),
  ];
}

interface AddedRule {
  /** `nat/POSTROUTING` */
  readonly hop: string;
  readonly chain: string;
  readonly rule: Rule;
}

/** The rules that the finding's repair adds. */
function addedRules(finding: Finding): readonly AddedRule[] {
  return finding.changes.flatMap((change) => {
    if (change.kind !== 'ruleset') return [];
    return change.to.tables.flatMap((to) => {
      const same = (table: typeof to) =>
        table.backend === to.backend && table.family === to.family && table.name === to.name;
      return editTable(change.from.tables.find(same), to).flatMap((command) =>
        command.op === 'append' || command.op === 'insert'
          ? [{ hop: `${to.name}/${command.chain}`, chain: command.chain, rule: command.rule }]
          : [],
      );
    });
  });
}

function flowText(flow: Finding['flows'][number]): string {
  const dst = flow.dst === undefined ? (flow.qname ?? '') : formatAddr(flow.dst);
  return `${flow.from} ${flow.kind} ${dst}${flow.port === undefined ? '' : `:${flow.port}`}`;
}

function labelled(label: string, lines: readonly string[], tone?: Tone): readonly Row[] {
  return lines.map((line, index): Row => {
    const head = index === 0 ? label : '';
    return tone === undefined ? [head, line] : [head, line, tone];
  });
}
