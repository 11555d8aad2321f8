/**
 * An explanation for people: short paragraphs, aligned, the difference at the end.
 * In: an Explanation. Out: text. It knows no option by name; what is said is what was worked out.
 */
import { formatRule } from '../firewall/args.ts';
import type { Command, Operation } from '../firewall/operation.ts';
import type { ConfigProblem } from '../options/problem.ts';
import { describeOrigin } from '../options/problem.ts';
import { isAtLeast } from '../options/version.ts';
import type { Explanation, Variant } from '../plan/explain.ts';
import type { ExplainedSpan, SpanAnswer } from '../plan/explain-generations.ts';
import { describePart, indent, show, table } from './parts-text.ts';

const scopes = {
  'default-bridge': 'the default network only',
  'all-networks': 'all bridge networks',
  containers: "containers' resolv.conf and hosts files",
  overlay: 'overlay networks and swarm',
  daemon: 'the daemon itself',
} as const;

/** The whole explanation, ending in a newline; `all`: what changes in other engines line by line, not only counted. */
export function explanationText(
  explanation: Explanation,
  spans: readonly ExplainedSpan[],
  all: boolean,
): string {
  const { option, engine, known, configured } = explanation;
  if (!known)
    return `${option}: engine ${engine} does not know this option.\n${explanation.effect}\n${spanLines(explanation, spans, all).join('\n')}\n`;
  const paragraphs = [
    [`${option} (engine ${engine})`, `  ${explanation.effect}`],
    facts(explanation),
    variantLines(option, configured),
    ...(explanation.changed === undefined ? [] : [variantLines(option, explanation.changed)]),
    differenceLines(explanation),
    spanLines(explanation, spans, all),
  ].filter((lines) => lines.length > 0);
  return `${paragraphs.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function facts(explanation: Explanation): readonly string[] {
  const { option, configured, flags } = explanation;
  const setting = configured.setting;
  return table([
    ['type', explanation.type],
    ['default', show(explanation.default)],
    ['here', `${show(setting.value)} (${describeOrigin(setting.origin)})`],
    ['read from', [`"${option}" in daemon.json`, ...flags].join(' or ')],
    [
      'merged',
      flags.length === 0
        ? 'no flag says it'
        : 'given in both, dockerd refuses to start, also with equal values',
    ],
    ['checked', checkedText(explanation)],
    [
      'applies to',
      explanation.networkOption === undefined
        ? scopes[explanation.scope]
        : `${scopes[explanation.scope]}, as its ${explanation.networkOption}; user-defined networks have that of their own`,
    ],
    ['takes effect', effectText(explanation)],
  ]);
}

function checkedText({ option, refusedWith }: Explanation): string {
  const pairs = refusedWith.map(
    (pair) =>
      `${option} = ${show(pair.value)} is refused together with ${pair.option} = ${show(pair.otherValue)}`,
  );
  return pairs.length === 0 ? 'by itself' : pairs.join('; ');
}

function effectText({ reloadable, underLiveRestore }: Explanation): string {
  const restart = reloadable
    ? 'on SIGHUP and at a restart of the daemon'
    : 'at a restart of the daemon; not on SIGHUP';
  return underLiveRestore === 'kept-by-network'
    ? `${restart}, nor with live-restore while a container runs: local-kv.db keeps what the network has`
    : restart;
}

function variantLines(option: string, variant: Variant): readonly string[] {
  const head = `with ${option} = ${show(variant.setting.value)}`;
  const problems = [...variant.errors.map(describeError), ...variant.warnings.map(describeWarning)];
  if (variant.impossible !== undefined) {
    return [
      `${head}: the engine does not start`,
      ...indent(problems.length === 0 ? [variant.impossible] : problems),
    ];
  }
  const rows: (readonly [string, string])[] = [
    ...variant.operations.map((operation) => [commandLine(operation), operation.reason.step] as const),
    ...variant.parts.map((part) => [describePart(part), part.reason?.step ?? ''] as const),
  ];
  if (rows.length === 0) return [`${head}: nothing is made because of it`, ...indent(problems)];
  return [
    `${head} the engine does, for the default network and a container with port 8080:80`,
    ...indent(table(rows.map(([what, why]) => [what, `# ${why}`]))),
    ...indent(problems),
  ];
}

function describeError({ message, remedy }: ConfigProblem): string {
  return `refused: ${message} (${remedy})`;
}

function describeWarning({ message, remedy }: ConfigProblem): string {
  return `note: ${message} (${remedy})`;
}

function differenceLines({ option, configured, changed, difference }: Explanation): readonly string[] {
  if (changed === undefined || difference === undefined) {
    return changed === undefined ? [`No other value of ${option} was tried.`] : [];
  }
  const head = `from ${show(configured.setting.value)} to ${show(changed.setting.value)}`;
  const { removed, added } = difference;
  if (removed.length + added.length === 0) {
    return [`${head}: no rule, link, route, sysctl or proxy of this host changes`];
  }
  return [
    head,
    ...indent(removed.map((part) => `- ${describePart(part)}`)),
    ...indent(added.map((part) => `+ ${describePart(part)}`)),
  ];
}

/** An operation as a command line, in the form of iptables-save where it holds a rule; one of ip6tables says so. */
export function commandLine({ family, table, command }: Operation): string {
  return `${family === 'ipv6' ? 'ip6tables ' : ''}-t ${table} ${describeCommand(command)}`;
}

function describeCommand(command: Command): string {
  switch (command.op) {
    case 'new-chain':
      return `-N ${command.chain}`;
    case 'append':
      return `-A ${command.chain} ${formatRule(command.rule)}`;
    case 'insert':
      return `-I ${command.chain} ${command.at === 1 ? '' : `${command.at} `}${formatRule(command.rule)}`;
    case 'delete':
      return `-D ${command.chain} ${formatRule(command.rule)}`;
    case 'delete-at':
      return `-D ${command.chain} ${command.at}`;
    case 'check':
      return `-C ${command.chain} ${formatRule(command.rule)}`;
    case 'flush':
      return `-F ${command.chain ?? ''}`.trimEnd();
    case 'delete-chain':
      return `-X ${command.chain ?? ''}`.trimEnd();
    case 'policy':
      return `-P ${command.chain} ${command.policy}`;
  }
}

/** What flipping the option changes in engines of each layout; nothing where no other value was tried. */
function spanLines(
  explanation: Explanation,
  spans: readonly ExplainedSpan[],
  all: boolean,
): readonly string[] {
  if (spans.every(({ answer }) => answer.kind === 'untried')) return [];
  const rows = spans.map((span) => [spanName(span, explanation), answerText(span.answer)] as const);
  return [
    'the same change in other engines',
    ...indent(
      table(rows).flatMap((line, i) => {
        const answer = spans[i]?.answer;
        if (!all || answer?.kind !== 'changes') return [line];
        const { removed, added } = answer.difference;
        return [
          line,
          ...indent(removed.map((part) => `- ${describePart(part)}`)),
          ...indent(added.map((part) => `+ ${describePart(part)}`)),
        ];
      }),
    ),
  ];
}

function spanName(
  { from, until, generations }: ExplainedSpan,
  { engine, configured: { plan } }: Explanation,
): string {
  const versions = until === undefined ? `${from} and later` : `${from} to before ${until}`;
  const name = generations.includes('N1') ? `${versions}, nftables` : versions;
  const isHere =
    isAtLeast(engine, from) &&
    (until === undefined || !isAtLeast(engine, until)) &&
    plan !== undefined &&
    generations.includes(plan.generation);
  return isHere ? `${name} (here)` : name;
}

function answerText(answer: SpanAnswer): string {
  switch (answer.kind) {
    case 'changes': {
      const { removed, added } = answer.difference;
      return removed.length + added.length === 0
        ? 'nothing changes'
        : `${removed.length} go, ${added.length} come`;
    }
    case 'unknown':
      return 'not known';
    case 'impossible':
      return answer.why;
    case 'untried':
      return 'not tried';
  }
}
