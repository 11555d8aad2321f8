/**
 * Puts a namespace's rules into the kernel, as far as that goes. In: rulesets as parsed, and which modules the kernel lacks. Out: rules in
 * the kernel, and those that could not be put there. Only what this program prints of its own values is ever given to a tool.
 */
import { formatRule } from '../firewall/args.ts';
import { commandLine } from '../firewall/command-text.ts';
import { editTable } from '../firewall/edit.ts';
import { isPrintedWhole, nftCommands } from '../firewall/nft/commands.ts';
import { formatNftRule } from '../firewall/nft/format.ts';
import type { NftChain, NftRule, NftTable } from '../firewall/nft/model.ts';
import type { Command } from '../firewall/operation.ts';
import type { Chain, Rule, Table } from '../firewall/ruleset.ts';
import type { Namespace } from '../host/state.ts';
import { inUserNamespace } from '../kernel/apply.ts';
import type { ModuleIndex } from '../kernel/modules.ts';
import { inNamespace } from '../kernel/namespace.ts';
import { run } from '../kernel/process.ts';
import { restoreProgram, smallTransaction } from '../kernel/restore.ts';
import type { Obstacle, Unbuilt } from '../report/rehearsal.ts';
import { nativeChainNeeds, ruleNeeds, tableNeeds } from './needs.ts';

/** A tool that refuses so many rules of one table refuses the table. */
const maxRefusals = 40;

/** Makes all tables of a namespace, native ones that are older than the tables of iptables first; in one hook the older is asked first. */
export async function restoreFirewall(
  namespace: Namespace,
  netns: string,
  modules: ModuleIndex,
): Promise<readonly Unbuilt[]> {
  const unbuilt: Unbuilt[] = [];
  const leave = (what: string, why: Obstacle, detail?: string): void => {
    unbuilt.push({ namespace: namespace.name, what, why, ...(detail === undefined ? {} : { detail }) });
  };
  const { tables = [], twins = [] } = namespace.nft ?? {};
  const youngest = Math.min(...twins.map(({ handle }) => handle ?? 0), Number.POSITIVE_INFINITY);
  const isOlder = ({ handle }: NftTable) => handle !== undefined && handle < youngest;
  for (const table of tables.filter(isOlder)) await restoreNative(table, netns, modules, leave);
  for (const table of namespace.firewall.tables) await restoreTable(table, netns, modules, leave);
  for (const table of tables.filter((t) => !isOlder(t))) await restoreNative(table, netns, modules, leave);
  for (const { family, name } of namespace.unmodelledHooks) leave(`chain ${family} ${name}`, 'not-writable');
  return unbuilt;
}

type Leave = (what: string, why: Obstacle, detail?: string) => void;

async function restoreTable(given: Table, netns: string, modules: ModuleIndex, leave: Leave): Promise<void> {
  const lacking = tableNeeds(given)
    .map(modules.missing)
    .find((module) => module !== undefined);
  if (lacking !== undefined) return leave(`table ${given.family} ${given.name}`, 'needs-module', lacking);
  const chains = new Set(given.chains.map(({ name }) => name));
  let table = keepRules(given, ({ rule, chain }) => {
    const module = ruleNeeds(rule, given.family, chains)
      .map(modules.missing)
      .find((m) => m !== undefined);
    if (module !== undefined) leave(ruleText(given, chain, rule), 'needs-module', module);
    return module === undefined;
  });
  for (let refusals = 0; refusals < maxRefusals; refusals++) {
    const refused = await tryTable(table, netns);
    if (refused === undefined) return;
    const { command, words } = refused;
    if (command?.op !== 'append') return leave(`table ${given.family} ${given.name}`, 'refused', words);
    leave(ruleText(given, command.chain, command.rule), 'refused', words);
    table = keepRules(table, ({ rule }) => rule !== command.rule);
  }
  leave(`table ${given.family} ${given.name}`, 'refused');
}

interface Refused {
  /** Absent where the tool does not say which. */
  readonly command?: Command;
  readonly words: string;
}

/** The whole table anew; in parts where one transaction would be too large for a user namespace. */
async function tryTable(table: Table, netns: string): Promise<Refused | undefined> {
  const commands = editTable(undefined, table);
  const size = inUserNamespace() ? smallTransaction : Math.max(1, commands.length);
  for (let start = 0; start === 0 || start < commands.length; start += size) {
    const part = commands.slice(start, start + size);
    const refused = await restore(table, netns, part, start > 0);
    if (refused === undefined) continue;
    if (refused.command !== undefined) return refused;
    // iptables-legacy names no rule: each by itself tells.
    for (const [index, command] of part.entries()) {
      const alone = await restore(table, netns, [command], start > 0 || index > 0);
      if (alone !== undefined) return { ...alone, command };
    }
  }
  return undefined;
}

async function restore(
  table: Table,
  netns: string,
  commands: readonly Command[],
  keeps: boolean,
): Promise<Refused | undefined> {
  const program = restoreProgram(table.backend, table.family);
  const argv = inNamespace(netns, [program, ...(keeps ? ['--noflush'] : []), '-w']);
  const stdin = [`*${table.name}`, ...commands.map(commandLine), 'COMMIT', ''].join('\n');
  const { code, stderr } = await run({ argv, stdin });
  if (code === 0) return undefined;
  const line = Number(/\bline:? (\d+)/.exec(stderr)?.[1] ?? 0);
  const command = commands[line - 2];
  return { ...(command === undefined ? {} : { command }), words: oneLine(stderr) };
}

function keepRules(
  table: Table,
  keep: (place: { readonly rule: Rule; readonly chain: string }) => boolean,
): Table {
  const chains = table.chains.map(
    (chain): Chain => ({ ...chain, rules: chain.rules.filter((rule) => keep({ rule, chain: chain.name })) }),
  );
  return { ...table, chains };
}

function ruleText({ name }: Table, chain: string, rule: Rule): string {
  return `-t ${name} -A ${chain} ${formatRule(rule)}`.trimEnd();
}

async function restoreNative(
  given: NftTable,
  netns: string,
  modules: ModuleIndex,
  leave: Leave,
): Promise<void> {
  const title = `table ${given.family} ${given.name}`;
  const needs = given.chains.flatMap(({ base }) => nativeChainNeeds(given.family, base?.type));
  const lacking = needs.map(modules.missing).find((module) => module !== undefined);
  if (lacking !== undefined) return leave(title, 'needs-module', lacking);
  // Whoever owned it on the host is not here.
  const { owned: _, ...table } = given;
  const whole = table.chains.every(({ rules }) => rules.every(isPrintedWhole));
  let wanted: NftTable =
    whole && commandsOf(table).length > 0
      ? table
      : withRules(table, (chain, rule) => {
          const writable = isPrintedWhole(rule) && commandsOf(lonely(table, chain, rule)).length > 0;
          if (!writable) leave(`${title} ${chain.name} ${formatNftRule(rule)}`, 'not-writable');
          return writable;
        });
  for (let refusals = 0; refusals < maxRefusals; refusals++) {
    const commands = commandsOf(wanted);
    if (commands.length === 0) return leave(title, 'not-writable');
    const { code, stderr } = await run({
      argv: inNamespace(netns, ['nft', '-f', '-']),
      stdin: commands.map((words) => `${words.join(' ')}\n`).join(''),
    });
    if (code === 0) return;
    const line = Number(/:(\d+):\d+/.exec(stderr)?.[1] ?? 0);
    const refused = commands[line - 1];
    const culprit = wanted.chains
      .flatMap((chain) => chain.rules.map((rule) => ({ chain, rule })))
      .find(({ chain, rule }) => refused?.at(-1) === formatNftRule(rule) && refused.at(-2) === chain.name);
    if (culprit === undefined) return leave(title, 'refused', oneLine(stderr));
    leave(`${title} ${culprit.chain.name} ${formatNftRule(culprit.rule)}`, 'refused', oneLine(stderr));
    wanted = withRules(wanted, (_chain, rule) => rule !== culprit.rule);
  }
  leave(title, 'refused');
}

function commandsOf(table: NftTable) {
  return nftCommands({ tables: [], twins: [] }, { tables: [table], twins: [] });
}

/** The table with one rule alone: whether that can be written does not depend on the others. */
function lonely(table: NftTable, chain: NftChain, rule: NftRule): NftTable {
  return withRules(table, (_, other) => other === rule && chain.rules.includes(other));
}

function withRules(table: NftTable, keep: (chain: NftChain, rule: NftRule) => boolean): NftTable {
  const chains = table.chains.map((chain) => ({
    ...chain,
    rules: chain.rules.filter((rule) => keep(chain, rule)),
  }));
  return { ...table, chains };
}

/** The first line that says something of the failure. */
function oneLine(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return (lines.find((line) => /error|fail|couldn't|unknown/i.test(line)) ?? lines[0] ?? '').trim();
}
