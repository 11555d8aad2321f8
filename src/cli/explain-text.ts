/**
 * An explanation for people: short paragraphs, aligned, the difference at the end.
 * In: an Explanation. Out: text. It knows no option by name; what is said is what was worked out.
 */
import { formatRule } from '../firewall/args.ts';
import type { Command, Operation } from '../firewall/operation.ts';
import type { ConfigProblem } from '../options/problem.ts';
import { describeOrigin } from '../options/problem.ts';
import type { Explanation, Variant } from '../plan/explain.ts';
import { describePart, indent, show, table } from './parts-text.ts';

const scopes = {
  'default-bridge': 'the default network only',
  'all-networks': 'all bridge networks',
  containers: "containers' resolv.conf and hosts files",
  overlay: 'overlay networks and swarm',
  daemon: 'the daemon itself',
} as const;

/** The whole explanation, ending in a newline. */
export function explanationText(explanation: Explanation): string {
  const { option, engine, known, configured } = explanation;
  if (!known) return `${option}: engine ${engine} does not know this option.\n${explanation.effect}\n`;
  const paragraphs = [
    [`${option} (engine ${engine})`, `  ${explanation.effect}`],
    facts(explanation),
    variantLines(option, configured),
    ...(explanation.changed === undefined ? [] : [variantLines(option, explanation.changed)]),
    differenceLines(explanation),
  ];
  return `${paragraphs.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function facts(explanation: Explanation): readonly string[] {
  const { option, configured, flags } = explanation;
  const setting = configured.setting;
  return table([
    ['type', explanation.type],
    ['default', show(explanation.default)],
    ['here', `${show(setting.value)} (${describeOrigin(setting.origin)})`],
    [
      'set by',
      `"${option}" in daemon.json${flags.length === 0 ? '' : ` or ${flags.join(', ')}; never by both`}`,
    ],
    [
      'applies to',
      explanation.networkOption === undefined
        ? scopes[explanation.scope]
        : `${scopes[explanation.scope]}; user-defined networks have ${explanation.networkOption}`,
    ],
    [
      'takes effect',
      explanation.reloadable ? 'on SIGHUP and at a restart' : 'at a restart of the daemon; not on SIGHUP',
    ],
  ]);
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
