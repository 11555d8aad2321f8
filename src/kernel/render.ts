/**
 * A Change as invocations: what would be run, in order. In: the change and where it will run. Out: batches, each one
 * process: neighbouring steps of one kind and place become one `ip -batch`, one sysctl writer, one iptables-restore, one `nft -f`.
 * Pure, so that `--dry-run` and tests see exactly what apply.ts runs.
 */
import { nftCommands } from '../firewall/nft/commands.ts';
import type { BridgePort, BridgeSettings, PolicyRule } from '../host/state.ts';
import { formatAddr } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { Change, LinkSettings, RouteSpec, Step } from './change.ts';
import { inNamespace, type NamespacePath } from './namespace.ts';
import type { Invocation } from './process.ts';
import {
  type RestoreBlock,
  restoreBlocks,
  restoreProgram,
  restoreText,
  smallTransaction,
} from './restore.ts';

export interface RenderOptions {
  /** In an unprivileged user namespace large firewall transactions are sent in parts. */
  readonly userNamespace: boolean;
  /** Arguments that start the sysctl writer, a program that reads `[{name, value}]`. */
  readonly sysctlWriter: readonly string[];
}

export interface Batch {
  readonly invocation: Invocation;
  /** The steps that it does; for `ip -batch`, one or more lines each. */
  readonly steps: readonly Step[];
  /** For `ip -batch`: the index in `steps` that each line of its input belongs to. */
  readonly lines: readonly number[];
  /** For a firewall step: what each COMMIT does. */
  readonly blocks: readonly RestoreBlock[];
}

type Group = 'ip' | 'sysctl' | 'firewall' | 'nft';

/** The batches of a change; steps that change nothing give none. */
export function render(change: Change, options: RenderOptions): readonly Batch[] {
  return groups(change.steps).flatMap(({ group, netns, steps }): Batch[] => {
    if (group === 'ip') return [ipBatch(netns, steps)];
    if (group === 'sysctl') return [sysctlBatch(netns, steps, options)];
    if (group === 'nft') return steps.flatMap((step) => nftBatch(netns, step));
    return steps.flatMap((step) => firewallBatch(netns, step, options));
  });
}

function groups(steps: readonly Step[]) {
  const result: { readonly group: Group; readonly netns: NamespacePath; readonly steps: Step[] }[] = [];
  for (const step of steps) {
    const group = groupOf(step);
    const last = result.at(-1);
    if (last !== undefined && last.group === group && last.netns === step.netns) last.steps.push(step);
    else result.push({ group, netns: step.netns, steps: [step] });
  }
  return result;
}

function groupOf(step: Step): Group {
  if (step.kind === 'sysctl' || step.kind === 'firewall' || step.kind === 'nft') return step.kind;
  return 'ip';
}

function ipBatch(netns: NamespacePath, steps: readonly Step[]): Batch {
  const lines: number[] = [];
  const text = steps
    .flatMap((step, index) => {
      const own = ipLines(step);
      for (const _ of own) lines.push(index);
      return own;
    })
    .map((line) => `${line}\n`)
    .join('');
  return {
    invocation: { argv: inNamespace(netns, ['ip', '-batch', '-']), stdin: text },
    steps,
    lines,
    blocks: [],
  };
}

function sysctlBatch(netns: NamespacePath, steps: readonly Step[], options: RenderOptions): Batch {
  const settings = steps.flatMap((step) =>
    step.kind === 'sysctl' ? [{ name: step.name, value: step.value }] : [],
  );
  return {
    invocation: {
      argv: inNamespace(netns, options.sysctlWriter),
      stdin: `${JSON.stringify(settings)}\n`,
    },
    steps,
    lines: [],
    blocks: [],
  };
}

function firewallBatch(netns: NamespacePath, step: Step, options: RenderOptions): Batch[] {
  if (step.kind !== 'firewall') return [];
  const limit = options.userNamespace ? smallTransaction : Number.POSITIVE_INFINITY;
  const blocks = restoreBlocks(step.from, step.to, limit);
  if (blocks.length === 0) return [];
  const program = restoreProgram(step.backend, step.family);
  const argv = inNamespace(netns, [program, '--noflush', '-w']);
  return [{ invocation: { argv, stdin: restoreText(blocks) }, steps: [step], lines: [], blocks }];
}

/** All commands in one file are one transaction. */
function nftBatch(netns: NamespacePath, step: Step): Batch[] {
  if (step.kind !== 'nft') return [];
  const commands = nftCommands(step.from, step.to);
  if (commands.length === 0) return [];
  const stdin = commands.map((args) => `${args.join(' ')}\n`).join('');
  return [
    {
      invocation: { argv: inNamespace(netns, ['nft', '-f', '-']), stdin },
      steps: [step],
      lines: [],
      blocks: [],
    },
  ];
}

/** The lines of `ip -batch` that do a step. Names are data of the change, checked before they are words of a line. */
function ipLines(step: Step): string[] {
  switch (step.kind) {
    case 'add-link': {
      const name = word(step.name);
      if (step.link.type === 'bridge') return [`link add name ${name} type bridge`];
      if (step.link.type !== 'veth') {
        const { type, parent, mode, netns } = step.link;
        const place = netns === undefined ? '' : ` netns ${word(netns)}`;
        const words = mode === undefined ? '' : ` mode ${word(mode)}`;
        return [`link add link ${word(parent)} name ${name}${place} type ${type}${words}`];
      }
      const { peer } = step.link;
      const place = peer.netns === undefined ? '' : ` netns ${word(peer.netns)}`;
      const mac = peer.mac === undefined ? '' : ` address ${word(peer.mac)}`;
      return [`link add name ${name} type veth peer name ${word(peer.name)}${mac}${place}`];
    }
    case 'delete-link':
      return [`link delete dev ${word(step.name)}`];
    case 'rename-link':
      return [`link set dev ${word(step.name)} name ${word(step.to)}`];
    case 'set-link':
      return setLines(word(step.name), step.set);
    case 'add-address': {
      const broadcast = step.prefix.addr.family === 'ipv4' && step.prefix.bits < 31 ? ' broadcast +' : '';
      const scope = step.scope === undefined || step.scope === 'global' ? '' : ` scope ${step.scope}`;
      return [`address add ${formatPrefix(step.prefix)}${broadcast} dev ${word(step.dev)}${scope}`];
    }
    case 'delete-address':
      return [`address delete ${formatPrefix(step.prefix)} dev ${word(step.dev)}`];
    case 'add-route':
      return [`route ${addingVerb(step.route)} ${routeWords(step.route)}`];
    case 'delete-route':
      return [`route delete ${routeWords(step.route)}`];
    case 'add-neighbour':
      return [
        `neighbour replace ${formatAddr(step.addr)} lladdr ${word(step.mac)} nud ${step.state} dev ${word(step.dev)}`,
      ];
    case 'add-policy-rule':
      return [policyRuleLine(step.rule)];
    case 'delete-neighbour':
      return [`neighbour delete ${formatAddr(step.addr)} dev ${word(step.dev)}`];
    case 'delete-policy-rule':
      return [`${step.family === 'ipv4' ? '' : '-6 '}rule delete preference ${step.priority}`];
    case 'neighbour-retry':
      return [`ntable change name arp_cache dev ${word(step.dev)} retrans ${Math.trunc(step.milliseconds)}`];
    case 'sysctl':
    case 'firewall':
    case 'nft':
      return [];
  }
}

function setLines(name: string, set: LinkSettings): string[] {
  const words: string[] = [];
  if (set.mtu !== undefined) words.push(`mtu ${set.mtu}`);
  if (set.mac !== undefined) words.push(`address ${word(set.mac)}`);
  if (set.master === null) words.push('nomaster');
  else if (set.master !== undefined) words.push(`master ${word(set.master)}`);
  if (set.up !== undefined) words.push(set.up ? 'up' : 'down');
  const lines = words.length === 0 ? [] : [`link set dev ${name} ${words.join(' ')}`];
  const port = set.port === undefined ? [] : portWords(set.port);
  if (port.length > 0) lines.push(`link set dev ${name} type bridge_slave ${port.join(' ')}`);
  const bridge = set.bridge === undefined ? [] : bridgeWords(set.bridge);
  if (bridge.length > 0) lines.push(`link set dev ${name} type bridge ${bridge.join(' ')}`);
  return lines;
}

function bridgeWords({ vlanFiltering, callIptables, callIp6tables }: Partial<BridgeSettings>): string[] {
  const number = (name: string, value: boolean | undefined) =>
    value === undefined ? [] : [`${name} ${value ? 1 : 0}`];
  return [
    ...number('vlan_filtering', vlanFiltering),
    ...number('nf_call_iptables', callIptables),
    ...number('nf_call_ip6tables', callIp6tables),
  ];
}

/** The kernel's numbers of the states of a bridge port (linux/if_bridge.h, BR_STATE_*). */
const portStates = { disabled: 0, listening: 1, learning: 2, forwarding: 3, blocking: 4 } as const;

function portWords(port: Partial<BridgePort>): string[] {
  const onOff = (name: string, value: boolean | undefined) =>
    value === undefined ? [] : [`${name} ${value ? 'on' : 'off'}`];
  return [
    ...(port.state === undefined ? [] : [`state ${portStates[port.state]}`]),
    ...onOff('hairpin', port.hairpin),
    ...onOff('isolated', port.isolated),
    ...onOff('learning', port.learning),
    ...onOff('flood', port.flood),
    ...onOff('bcast_flood', port.broadcastFlood),
  ];
}

function addingVerb({ beside }: RouteSpec): string {
  return beside === undefined ? 'add' : beside === 'before' ? 'prepend' : 'append';
}

function routeWords(route: RouteSpec): string {
  const type = route.type === undefined || route.type === 'unicast' ? [] : [route.type];
  const words = [...type, formatPrefix(route.dst)];
  if (route.gateway !== undefined) words.push(`via ${formatAddr(route.gateway)}`);
  if (route.dev !== undefined) words.push(`dev ${word(route.dev)}`);
  if (route.onlink === true) words.push('onlink');
  if (route.preferredSource !== undefined) words.push(`src ${formatAddr(route.preferredSource)}`);
  if (route.metric !== undefined && route.metric > 0) words.push(`metric ${route.metric}`);
  if (route.mtu !== undefined) words.push(`mtu ${route.mtu}`);
  if (route.table !== undefined) words.push(`table ${word(route.table)}`);
  return words.join(' ');
}

/** Selectors that the model does not know are not in it: who adds a rule leaves such rules out. */
function policyRuleLine(rule: PolicyRule): string {
  const words = [rule.family === 'ipv4' ? 'rule add' : '-6 rule add'];
  if (rule.not) words.push('not');
  words.push(`from ${rule.from === undefined ? 'all' : formatPrefix(rule.from)}`);
  if (rule.to !== undefined) words.push(`to ${formatPrefix(rule.to)}`);
  if (rule.mark !== undefined) words.push(`fwmark ${rule.mark.value}/${rule.mark.mask}`);
  if (rule.inInterface !== undefined) words.push(`iif ${word(rule.inInterface)}`);
  if (rule.outInterface !== undefined) words.push(`oif ${word(rule.outInterface)}`);
  words.push(`priority ${rule.priority}`);
  if (rule.action !== 'lookup') words.push(rule.action === 'goto' ? `goto ${rule.goto}` : rule.action);
  else words.push(`lookup ${word(rule.table ?? 'main')}`);
  if (rule.suppressPrefixLength !== undefined)
    words.push(`suppress_prefixlength ${rule.suppressPrefixLength}`);
  return words.join(' ');
}

/** One word of a batch line: `ip -batch` splits at blanks and knows quotes, comments and continued lines. */
function word(text: string): string {
  if (!/^[A-Za-z0-9_.:@/+=-]+$/.test(text) || text.startsWith('-'))
    throw new Error(`not a name for ip(8): ${JSON.stringify(text)}`);
  return text;
}
