/**
 * Repairs as commands: what a person would type to make a change on the kernel. In: changes of the model.
 * Out: one command a line, in an order that works. They are shown, never run from here.
 */
import { commandArgs } from '../firewall/command-text.ts';
import { editTable } from '../firewall/edit.ts';
import { nftCommands } from '../firewall/nft/commands.ts';
import type { Ruleset, Table } from '../firewall/ruleset.ts';
import type { StateChange } from '../host/change.ts';
import type { HostState, Route } from '../host/state.ts';
import { type Family, formatAddr } from '../net/addr.ts';
import { formatPrefix, maskPrefix } from '../net/prefix.ts';
import type { Repair } from './finding.ts';
import { shellLine, shellWord } from './shell.ts';

/**
 * Commands for the host's own shell; what happens inside a container is entered through its process. Undefined where only the engine can
 * make a part of it: the commands for the rest would not mend what they are said to.
 */
export function commandRepair(state: HostState, changes: readonly StateChange[]): Repair | undefined {
  if (changes.some(({ kind }) => engineOnly.has(kind))) return undefined;
  const lines = changes.flatMap((change) => {
    const enter = state.namespaces.find((n) => n.name === change.namespace)?.kind === 'container';
    const pid = `"$(docker inspect -f '{{.State.Pid}}' ${shellWord(change.namespace)})"`;
    const prefix = enter ? `nsenter -n -t ${pid} ` : '';
    return commandsOf(change).map((args) => `${prefix}${shellLine(args)}`);
  });
  if (lines.length === 0) return undefined;
  const rulesOnly = changes.every((c) => c.kind === 'ruleset' || c.kind === 'nft');
  return { kind: rulesOnly ? 'rule' : 'command', change: lines.join('\n') };
}

/** Only the engine, or the service, does the first four; the last stands for a suspicion, and nothing is deleted on suspicion. */
const engineOnly: ReadonlySet<StateChange['kind']> = new Set<StateChange['kind']>([
  'attach',
  'start-proxy',
  'stop-proxy',
  'listen',
  'delete-nft-chain',
]);

type Args = readonly string[];

function commandsOf(change: StateChange): readonly Args[] {
  switch (change.kind) {
    case 'ruleset':
      return rulesetCommands(change.from, change.to);
    case 'sysctl':
      return [['sysctl', '-w', `${change.name}=${change.value}`]];
    case 'link-up':
      return [['ip', 'link', 'set', change.dev, 'up']];
    case 'link-down':
      return [['ip', 'link', 'set', change.dev, 'down']];
    case 'delete-link':
      return [['ip', 'link', 'delete', change.dev]];
    case 'rename-link':
      return [
        ['ip', 'link', 'set', change.dev, 'down'],
        ['ip', 'link', 'set', change.dev, 'name', change.name],
        ['ip', 'link', 'set', change.name, 'up'],
      ];
    case 'link-master':
      return [['ip', 'link', 'set', change.dev, 'master', change.master]];
    case 'link-mtu':
      return [['ip', 'link', 'set', change.dev, 'mtu', `${change.mtu}`]];
    case 'port-flags':
      return Object.entries(change.flags).map(([flag, value]) => [
        ...['bridge', 'link', 'set', 'dev', change.dev],
        ...portFlag(flag, value),
      ]);
    case 'add-address':
      return [['ip', 'address', 'add', formatPrefix(change.prefix), 'dev', change.dev]];
    case 'delete-address':
      return [['ip', 'address', 'del', formatPrefix(change.prefix), 'dev', change.dev]];
    case 'add-route':
      return [['ip', 'route', 'replace', ...routeArgs(change.route)]];
    case 'delete-route':
      return [['ip', 'route', 'del', ...routeArgs(change.route)]];
    case 'delete-neighbour':
      return [['ip', 'neigh', 'del', formatAddr(change.addr), 'dev', change.dev]];
    case 'add-bridge':
      return [
        ['ip', 'link', 'add', change.dev, 'type', 'bridge'],
        ...(change.prefix === undefined
          ? []
          : [['ip', 'address', 'add', formatPrefix(change.prefix), 'dev', change.dev]]),
        ['ip', 'link', 'set', change.dev, 'mtu', `${change.mtu}`, 'up'],
      ];
    case 'add-policy-rule':
      return [
        [
          ...ipOf(change.from.addr.family),
          ...['rule', 'add', 'from', formatPrefix(change.from), 'lookup', change.table],
          ...['priority', `${change.priority}`],
        ],
      ];
    case 'link-mac':
      return [['ip', 'link', 'set', change.dev, 'address', change.mac]];
    case 'attach':
    case 'start-proxy':
    case 'stop-proxy':
    case 'listen':
    case 'delete-nft-chain':
      return [];
    case 'nft':
      return nftCommands(change.from, change.to).map((args) => ['nft', ...args]);
    case 'delete-policy-rule':
      return [['ip', 'rule', 'del', 'priority', `${change.priority}`]];
  }
}

function ipOf(family: Family): Args {
  return family === 'ipv4' ? ['ip'] : ['ip', '-6'];
}

/** bridge(8) names one flag otherwise than the model, and states by number (3 is forwarding). */
function portFlag(flag: string, value: unknown): Args {
  if (flag === 'state') return ['state', '3'];
  return [flag === 'broadcastFlood' ? 'bcast_flood' : flag, value === true ? 'on' : 'off'];
}

function routeArgs(route: Route): Args {
  return [
    ...(route.type === 'unicast' ? [] : [route.type]),
    route.dst.bits === 0 ? 'default' : formatPrefix(maskPrefix(route.dst)),
    ...(route.gateway === undefined ? [] : ['via', formatAddr(route.gateway)]),
    ...(route.dev === undefined ? [] : ['dev', route.dev]),
    ...(route.metric === 0 ? [] : ['metric', `${route.metric}`]),
    ...(route.table === 'main' || route.type === 'local' ? [] : ['table', route.table]),
  ];
}

function rulesetCommands(from: Ruleset, to: Ruleset): readonly Args[] {
  const same = (a: Table, b: Table) => a.backend === b.backend && a.family === b.family && a.name === b.name;
  const all = [...to.tables, ...from.tables.filter((t) => !to.tables.some((o) => same(o, t)))];
  return all.flatMap((table) => {
    const before = from.tables.find((t) => same(t, table));
    const after = to.tables.find((t) => same(t, table));
    if (before === after) return [];
    const key = { backend: table.backend, family: table.family, table: table.name };
    return editTable(before, after).map((command) => commandArgs(key, command));
  });
}
