/**
 * What dockerd's log says about how the engine started, so that a plan starts where the engine did.
 * In: the text of dockerd.log. Out: its starts, and whether it turned forwarding on. Reading the log is replay's subject.
 */
import type { TableName } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';
import { type LoggedCommand, readEvents } from '../replay/events.ts';
import type { NftChange } from '../replay/nft-change.ts';

export interface EngineLog {
  /** The version that the last start told. */
  readonly engine: string | undefined;
  /** RFC 3339 times at which the engine began to restore its containers and networks, oldest first. */
  readonly starts: readonly string[];
  /** The engine set FORWARD's policy to DROP; undefined when the log does not show its commands of that family from a start on. */
  readonly setForwardPolicy: Readonly<Record<Family, boolean | undefined>>;
  /**
   * Tables that the engine made for containers, in any of its starts: an nft table stays when its last rule goes. (filter
   * and nat are not looked for: the engine writes nat rules in containers' namespaces too, in the same words.)
   */
  readonly tables: Readonly<Record<Family, readonly TableName[]>>;
  /** Whether the last start used the userland proxy, and the 1-based line that shows it; undefined when none does. */
  readonly userlandProxy: { readonly value: boolean; readonly line: number } | undefined;
  /** The last start passed its commands on to firewalld. */
  readonly firewalld: boolean;
  /** Beginnings of the ids of networks and endpoints, in the order in which the last start restored them: that of a Go map. */
  readonly restored: readonly string[];
}

/** The same words from 17.06 to 29, logged before libnetwork is set up. */
const startMark = 'Loading containers: start.';

const madeForContainers: readonly TableName[] = ['raw', 'mangle'];

/** With the proxy, packets to loopback addresses are left to it. */
const outputJump = /-[AC] OUTPUT -m addrtype --dst-type LOCAL -j DOCKER( ! --dst 127\.0\.0\.0\/8)?$/;

/** The same of the nftables backend, in the chain nat-OUTPUT. */
const nativeJump = /^(ip daddr != 127\.)?.*\bfib daddr\b/;

/** What the commands of one family show. */
interface Commands {
  seen: boolean;
  policy: boolean;
  readonly tables: Set<TableName>;
}

/** Reads the log; entries about other things, and lines that are no log, are passed over. */
export function readEngineLog(text: string): EngineLog {
  const starts: string[] = [];
  const restored: string[] = [];
  const commands: Readonly<Record<Family, Commands>> = {
    ipv4: { seen: false, policy: false, tables: new Set() },
    ipv6: { seen: false, policy: false, tables: new Set() },
  };
  let userlandProxy: EngineLog['userlandProxy'];
  let firewalld = false;
  let engine: string | undefined;
  for (const event of readEvents(text).events) {
    if (event.kind === 'phase' && event.message === startMark) {
      userlandProxy = undefined;
      firewalld = false;
      restored.length = 0;
      if (event.time !== undefined) starts.push(event.time);
    }
    if (event.kind === 'engine') engine = event.version;
    if (event.kind === 'restored') restored.push(event.id);
    const native = event.kind === 'nft' ? nativeProxy(event.change) : undefined;
    if (native !== undefined) userlandProxy = { value: native, line: event.line };
    if (event.kind !== 'command' || event.logged.place === 'container') continue;
    const { logged, line } = event;
    if (logged.through === 'firewalld') firewalld = true;
    note(commands[logged.key.family], logged);
    const jump = logged.key.family === 'ipv4' ? outputJump.exec(logged.text) : null;
    if (jump !== null) userlandProxy = { value: jump[1] !== undefined, line };
  }
  const policyOf = ({ seen, policy }: Commands) => (starts.length > 0 && seen ? policy : undefined);
  const tablesOf = ({ tables }: Commands) => madeForContainers.filter((table) => tables.has(table));
  return {
    engine,
    starts,
    setForwardPolicy: { ipv4: policyOf(commands.ipv4), ipv6: policyOf(commands.ipv6) },
    tables: { ipv4: tablesOf(commands.ipv4), ipv6: tablesOf(commands.ipv6) },
    userlandProxy,
    firewalld,
    restored,
  };
}

function note(of: Commands, { key, command }: LoggedCommand): void {
  of.seen = true;
  if (command.op === 'append' || command.op === 'insert') of.tables.add(key.table);
  if (command.op === 'policy' && command.chain === 'FORWARD' && command.policy === 'DROP') of.policy = true;
}

/** Whether a new rule of the nftables backend leaves loopback addresses to the proxy; undefined for other changes. */
function nativeProxy({ family, verb, object }: NftChange): boolean | undefined {
  if (family !== 'ip' || verb !== 'append' || object.kind !== 'rule' || object.chain !== 'nat-OUTPUT')
    return undefined;
  const jump = nativeJump.exec(object.text);
  return jump === null ? undefined : jump[1] !== undefined;
}
