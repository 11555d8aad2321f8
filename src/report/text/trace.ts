/**
 * Walks as text: hop by hop, what each step did to the packet, the rules that were hit, and the place of death. In: Traces, a
 * catalogue and a painter. Out: lines ending in a line feed. Lines are never wrapped: each is one step or one rule.
 */

import type { Tried } from '../../diagnosis/what-if.ts';
import { formatRule } from '../../firewall/args.ts';
import { formatNftRule } from '../../firewall/nft/format.ts';
import { formatAddr } from '../../net/addr.ts';
import type { Header, Hop, NftHit, RuleHit, Step, Trace } from '../../packet/trace.ts';
import { flowText } from '../flow-text.ts';
import type { TraceContext } from '../trace-json.ts';
import type { Catalogue } from './catalogue.ts';
import { displayWidth, type Paint, padTo, printable } from './layout.ts';

export interface TraceTextOptions {
  readonly words: Catalogue;
  readonly paint: Paint;
}

/** The whole answer of `trace`; with changes tried, `traces` are the walks after them. */
export function traceText(
  traces: readonly Trace[],
  options: TraceTextOptions,
  { comparison, supposed = [] }: TraceContext = {},
): string {
  const walks = traces.map((trace, i) => oneTrace(trace, options, comparison?.before[i]).join('\n'));
  const tried = (comparison?.tried ?? []).map((change) => triedLine(change, options.words));
  const ground = supposed.map((what) =>
    printable(`${options.words.labels.supposed}: ${options.words.phrase(what)}`),
  );
  const blocks = [tried.join('\n'), ...walks, ground.join('\n')];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

/** `what if: daemon.json icc=true  (after a restart of dockerd)`. */
function triedLine({ change, transition, changesNothing }: Tried, words: Catalogue): string {
  const notes = [
    ...(transition === undefined ? [] : [words.transition[transition]]),
    ...(changesNothing === undefined ? [] : [words.changesNothing]),
  ];
  const note = notes.length === 0 ? '' : `  (${notes.join(', ')})`;
  return printable(`${words.labels.whatIf}: ${change}${note}`);
}

/** One printed line: who (on a hop's first line), what kind of step, and what it did. */
interface Line {
  readonly hop: string;
  readonly kind: string;
  readonly text: string;
  readonly dead: boolean;
}

function oneTrace(trace: Trace, options: TraceTextOptions, before: Trace | undefined): readonly string[] {
  const { words, paint } = options;
  const request = linesOf(trace.hops, words);
  const reply = linesOf(trace.reply, words);
  const way = (title: string, lines: readonly Line[]) =>
    lines.length === 0 ? [] : [paint('title', title), ...setLines(lines, options)];
  return [
    paint('title', `${printable(flowText(trace.flow))}: `) +
      beforeText(before, options) +
      outcomeLine(trace, options),
    ...way(words.request, request),
    ...(reply.length === 0 && request.length > 0 ? [paint('faint', words.noReply)] : way(words.reply, reply)),
    ...trace.unknowns.map(({ fact, command }) =>
      printable(
        [
          `${words.labels.unknown}: ${words.phrase(fact)}`,
          ...(command === undefined ? [] : [`${words.labels.decide}: ${command}`]),
        ].join('  '),
      ),
    ),
    ...trace.assumed.map((what) => printable(words.assumed(words.phrase(what)))),
  ];
}

/** `timeout -> `. */
function beforeText(before: Trace | undefined, { words }: TraceTextOptions): string {
  return before === undefined ? '' : `${words.outcome(before.outcome)} -> `;
}

function outcomeLine(trace: Trace, { words, paint }: TraceTextOptions): string {
  const { outcome, seenAs, deliveredTo, answers = [] } = trace;
  const notes = [
    ...(answers.length === 0 ? [] : [words.answers(answers.map(formatAddr).join(', '))]),
    ...(deliveredTo === undefined
      ? []
      : [
          words.deliveredTo(
            deliveredTo.namespace,
            `${formatAddr(deliveredTo.address)}${deliveredTo.port === undefined ? '' : `:${deliveredTo.port}`}`,
          ),
        ]),
    ...(seenAs === undefined ? [] : [words.seenAs(formatAddr(seenAs))]),
  ];
  const verdict = paint(outcome === 'ok' ? 'good' : 'bad', words.outcome(outcome));
  return [verdict, ...notes.map(printable)].join(', ');
}

/** Two columns before the text: the hop and the kind of step; a death is marked at the margin. */
function setLines(lines: readonly Line[], { paint }: TraceTextOptions): readonly string[] {
  const hopWidth = Math.max(...lines.map((line) => displayWidth(line.hop)));
  const kindWidth = Math.max(...lines.map((line) => displayWidth(line.kind)));
  return lines.map(({ hop, kind, text, dead }) => {
    const mark = dead ? '✗' : ' ';
    const line = printable(`${mark} ${padTo(hop, hopWidth)}  ${padTo(kind, kindWidth)}  ${text}`.trimEnd());
    return dead ? paint('bad', line) : line;
  });
}

function linesOf(hops: readonly Hop[], words: Catalogue): readonly Line[] {
  return hops.flatMap((hop) =>
    hop.steps
      .flatMap((step) => stepLines(step, words))
      .map((line, i) => ({ ...line, hop: i === 0 ? hop.namespace : '' })),
  );
}

type StepLine = Omit<Line, 'hop'>;

function stepLines(step: Step, words: Catalogue): readonly StepLine[] {
  const line = (text: string): StepLine => ({ kind: words.steps[step.kind], text, dead: false });
  switch (step.kind) {
    case 'send':
      return [line(headerText(step.header))];
    case 'receive':
      return [line(`${step.dev}  ${headerText(step.header)}`)];
    case 'route':
      return [line(routeText(step))];
    case 'hook':
      return [
        { ...line(step.verdict), kind: `${step.table} ${step.chain}` },
        ...step.rules.map((hit) => ({ ...line(`  ${hitText(hit, words)}`), kind: '' })),
      ];
    case 'nat':
      return [line(natText(step))];
    case 'transmit':
      return [line(step.nexthop === undefined ? step.dev : `${step.dev} -> ${formatAddr(step.nexthop)}`)];
    case 'bridge':
      return [
        line([step.bridge, ...(step.from === undefined ? [] : [step.from]), `-> ${step.to}`].join(' ')),
      ];
    case 'proxy':
      return [line(`${step.listener} -> ${headerText(step.to)}`)];
    case 'drop': {
      const detail = step.detail === undefined ? '' : `, ${words.phrase(step.detail)}`;
      const rule = step.rule === undefined ? '' : `  ${hitText(step.rule, words)}`;
      return [{ ...line(`${step.where}: ${words.phrase(step.why)}${detail}${rule}`), dead: true }];
    }
  }
}

function routeText(step: Extract<Step, { kind: 'route' }>): string {
  const { result, table, dev, gateway, src } = step;
  return [
    result,
    ...(gateway === undefined ? [] : [`via ${formatAddr(gateway)}`]),
    ...(dev === undefined ? [] : [`dev ${dev}`]),
    ...(src === undefined ? [] : [`src ${formatAddr(src)}`]),
    ...(table === undefined ? [] : [`table ${table}`]),
  ].join(' ');
}

/** Only what changed: `src 172.17.0.2 => 203.0.113.2`. */
function natText({ before, after }: Extract<Step, { kind: 'nat' }>): string {
  const sides = [
    ['src', endText(before, 'src'), endText(after, 'src')],
    ['dst', endText(before, 'dst'), endText(after, 'dst')],
  ] as const;
  return sides
    .filter(([, was, is]) => was !== is)
    .map(([side, was, is]) => `${side} ${was} => ${is}`)
    .join('  ');
}

function headerText(header: Header): string {
  const what =
    header.icmp === undefined
      ? header.protocol
      : `${header.protocol} ${header.icmp.type}/${header.icmp.code}`;
  return `${what} ${endText(header, 'src')} -> ${endText(header, 'dst')}`;
}

function endText(header: Header, side: 'src' | 'dst'): string {
  const port = side === 'src' ? header.sport : header.dport;
  return `${formatAddr(header[side])}${port === undefined ? '' : `:${port}`}`;
}

/** `#3 -A DOCKER ... (12 packets, iptables-save.txt:31)`; a policy has no number. */
function hitText(hit: RuleHit, words: Catalogue): string {
  if (hit.backend === 'nftables') return nftHitText(hit, words);
  const { rule } = hit;
  if (rule === undefined) return words.policy(`${hit.table}/${hit.chain}`);
  const notes = [
    ...(rule.counters === undefined ? [] : [words.packets(rule.counters.packets)]),
    ...(rule.at === undefined
      ? []
      : [`${rule.at.file}${rule.at.line === undefined ? '' : `:${rule.at.line}`}`]),
  ];
  const note = notes.length === 0 ? '' : `  (${notes.join(', ')})`;
  return `#${hit.position} -A ${hit.chain} ${formatRule(rule)}`.trimEnd() + note;
}

/** `#3 inet firewalld filter_FORWARD ... (handle 32, nft-ruleset.json)`. */
function nftHitText({ table, chain, position, rule }: NftHit, words: Catalogue): string {
  if (rule === undefined) return words.policy(`${table} ${chain}`);
  const notes = [
    ...(rule.handle === undefined ? [] : [`handle ${rule.handle}`]),
    ...(rule.at === undefined ? [] : [rule.at.file]),
  ];
  const note = notes.length === 0 ? '' : `  (${notes.join(', ')})`;
  return `#${position} ${table} ${chain} ${formatNftRule(rule)}`.trimEnd() + note;
}
