/**
 * The way of a packet as lines: for each step who, what kind, what it did; under a hook the rules that were hit, set in by the chains that
 * led there. In: hops and a catalogue. Out: lines without layout. How they are set, wrapped and compared is trace.ts's subject.
 */
import { formatRule } from '../../firewall/args.ts';
import { formatNftRule } from '../../firewall/nft/format.ts';
import type { NftRule } from '../../firewall/nft/model.ts';
import { formatAddr } from '../../net/addr.ts';
import type { Header, Hop, IptablesHit, NftHit, RuleHit, Step } from '../../packet/trace.ts';
import type { Catalogue } from './catalogue.ts';

/** One step, or one rule. */
export interface Line {
  /** The namespace. */
  readonly hop: string;
  /** It is the first of its hop: the namespace is shown. */
  readonly first: boolean;
  /** What kind of step; empty for a rule. */
  readonly kind: string;
  readonly text: string;
  /** Columns by which the text is set in. */
  readonly indent: number;
  /** What stands behind the text: counters, where the rule is written. */
  readonly note: string;
  readonly dead: boolean;
}

/** The lines of a way. */
export function linesOf(hops: readonly Hop[], words: Catalogue): readonly Line[] {
  return hops.flatMap((hop) =>
    hop.steps
      .flatMap((step, i) => stepLines(step, hop.steps[i - 1], words))
      .map((line, i) => ({ ...line, hop: hop.namespace, first: i === 0 })),
  );
}

type StepLine = Omit<Line, 'hop' | 'first'>;

function stepLines(step: Step, before: Step | undefined, words: Catalogue): readonly StepLine[] {
  const line = (text: string): StepLine => ({
    kind: words.steps[step.kind],
    text,
    indent: 0,
    note: '',
    dead: false,
  });
  switch (step.kind) {
    case 'send':
      return [line(headerText(step.header))];
    case 'receive':
      return [line(`${step.dev}  ${headerText(step.header)}`)];
    case 'route':
      return [line(routeText(step))];
    case 'hook':
      return hookLines(step, words);
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
    case 'drop':
      return [{ ...line(deathText(step, before, words)), dead: true }];
  }
}

/** The file is named once; a rule then needs its line alone. */
function hookLines(
  { table, chain, verdict, rules }: Extract<Step, { kind: 'hook' }>,
  words: Catalogue,
): readonly StepLine[] {
  const [file, ...others] = [...new Set(rules.flatMap(({ rule }) => rule?.at?.file ?? []))];
  const shared = others.length === 0 ? file : undefined;
  const head = {
    kind: `${table} ${chain}`,
    text: verdict,
    indent: 0,
    note: shared === undefined ? '' : `(${shared})`,
    dead: false,
  };
  const path: string[] = [];
  return [
    head,
    ...rules.map((hit) => {
      const depth = path.indexOf(hit.chain);
      if (depth < 0) path.push(hit.chain);
      else path.length = depth + 1;
      const { text, note } = hitText(hit, shared, words);
      return { kind: '', text, indent: 2 * path.length, note, dead: false };
    }),
  ];
}

/** A rule that was shown as hit just before is known by its number. */
function deathText(
  { where, why, detail, rule }: Extract<Step, { kind: 'drop' }>,
  before: Step | undefined,
  words: Catalogue,
): string {
  const more = detail === undefined ? '' : `, ${words.phrase(detail)}`;
  const head = `${where}: ${words.phrase(why)}${more}`;
  // A policy is named by the place.
  if (rule?.rule === undefined) return head;
  const shown = before?.kind === 'hook' && before.rules.some((hit) => hit.rule === rule.rule);
  if (shown) return `${head}  #${rule.position}`;
  const { text, note } = hitText(rule, undefined, words);
  return [head, text, note].filter((part) => part !== '').join('  ');
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

/** `tcp 172.17.0.2:40000 -> 198.51.100.7:443`, `icmp 8/0 172.17.0.2 -> 198.51.100.7`. */
export function headerText(header: Header): string {
  const what =
    header.icmp === undefined
      ? header.protocol
      : `${header.protocol} ${header.icmp.type}/${header.icmp.code}`;
  return `${what} ${endText(header, 'src')} -> ${endText(header, 'dst')}`;
}

function endText(header: Header, side: 'src' | 'dst'): string {
  const port = side === 'src' ? header.sport : header.dport;
  const address = formatAddr(header[side]);
  if (port === undefined) return address;
  return header[side].family === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

interface HitText {
  readonly text: string;
  readonly note: string;
}

function hitText(hit: RuleHit, shared: string | undefined, words: Catalogue): HitText {
  return hit.backend === 'nftables' ? nftHitText(hit, shared, words) : iptablesHitText(hit, shared, words);
}

/** `#3 -A DOCKER ...` and `(12 packets, :31)`; a policy has no number. */
function iptablesHitText(hit: IptablesHit, shared: string | undefined, words: Catalogue): HitText {
  const { rule } = hit;
  if (rule === undefined) return { text: words.policy(`${hit.table}/${hit.chain}`), note: '' };
  const line = rule.at?.line === undefined ? '' : `:${rule.at.line}`;
  const place = rule.at === undefined || rule.at.file === shared ? line : `${rule.at.file}${line}`;
  const counters = rule.counters === undefined ? [] : [words.packets(rule.counters.packets)];
  return {
    text: `#${hit.position} -A ${hit.chain} ${formatRule(rule)}`.trimEnd(),
    note: noteText([...counters, place]),
  };
}

/** `#3 filter_FORWARD ...` and `(handle 32)`. */
function nftHitText(
  { table, chain, position, rule }: NftHit,
  shared: string | undefined,
  words: Catalogue,
): HitText {
  if (rule === undefined) return { text: words.policy(`${table} ${chain}`), note: '' };
  const packets = packetsOf(rule);
  const counters = packets === undefined ? [] : [words.packets(packets)];
  const handle = rule.handle === undefined ? '' : `handle ${rule.handle}`;
  const file = rule.at === undefined || rule.at.file === shared ? '' : rule.at.file;
  return {
    text: `#${position} ${shared === undefined ? `${table} ` : ''}${chain} ${formatNftRule(rule)}`.trimEnd(),
    note: noteText([...counters, handle, file]),
  };
}

/** What the rule's counter says, which stands among its statements. */
function packetsOf({ statements }: NftRule): number | undefined {
  const counter = statements.find((s) => s.kind === 'observe' && s.name === 'counter');
  const [, packets] = counter?.kind === 'observe' ? (/"packets":\s*(\d+)/.exec(counter.json) ?? []) : [];
  return packets === undefined ? undefined : Number(packets);
}

function noteText(parts: readonly string[]): string {
  const said = parts.filter((part) => part !== '');
  return said.length === 0 ? '' : `(${said.join(', ')})`;
}
