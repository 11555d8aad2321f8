/**
 * What dockerd's log says about how the engine started, so that a plan starts where the engine did.
 * In: the text of dockerd.log. Out: its starts, and whether it turned forwarding on. Reading the commands themselves is replay's subject.
 */
import type { TableName } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';

export interface EngineLog {
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
  /** Beginnings of the ids of networks and endpoints, in the order in which the last start restored them: that of a Go map. */
  readonly restored: readonly string[];
}

/** The same words from 17.06 to 28, logged just before libnetwork is set up. */
const startMark = 'msg="Loading containers: start."';

const madeForContainers: readonly TableName[] = ['raw', 'mangle'];

const restoration = /msg="(?:Network|Endpoint) \(([0-9a-f]{7})\) restored[ "]/;

/** With the proxy, packets to loopback addresses are left to it. */
const outputJump = /-[AC] OUTPUT -m addrtype --dst-type LOCAL -j DOCKER( ! --dst 127\.0\.0\.0\/8)?$/;

/** The same of the nftables backend. */
const nativeOutputRule =
  /appended rule" chain=nat-OUTPUT family=ip group=\d+ rule="(ip daddr != 127\.)?[^"]*fib daddr/;

/** What the commands of one family show. */
interface Commands {
  seen: boolean;
  policy: boolean;
  readonly tables: Set<string | undefined>;
}

/** Reads the log line by line; other lines, and lines that are no log, are passed over. */
export function readEngineLog(text: string): EngineLog {
  const starts: string[] = [];
  const restored: string[] = [];
  const commands: Readonly<Record<Family, Commands>> = {
    ipv4: { seen: false, policy: false, tables: new Set() },
    ipv6: { seen: false, policy: false, tables: new Set() },
  };
  let userlandProxy: EngineLog['userlandProxy'];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.includes(startMark)) {
      userlandProxy = undefined;
      restored.length = 0;
      const time = /\btime="([^"]{1,40})"/.exec(line)?.[1];
      if (time !== undefined) starts.push(time);
    }
    const id = restoration.exec(line)?.[1];
    if (id !== undefined) restored.push(id);
    const rule = nativeOutputRule.exec(line);
    if (rule !== null) userlandProxy = { value: rule[1] !== undefined, line: index + 1 };
    const [, program, command] = /\/(ip6?tables), \[(?:--wait )?(.*)\]/.exec(line) ?? [];
    if (command === undefined) continue;
    const family = program === 'iptables' ? 'ipv4' : 'ipv6';
    const of = commands[family];
    of.seen = true;
    of.tables.add(/^-t (\S+) -[AI] /.exec(command)?.[1]);
    if (/(?:^| )-P FORWARD DROP$/.test(command)) of.policy = true;
    const jump = family === 'ipv4' ? outputJump.exec(command) : null;
    if (jump !== null) userlandProxy = { value: jump[1] !== undefined, line: index + 1 };
  }
  const policyOf = ({ seen, policy }: Commands) => (starts.length > 0 && seen ? policy : undefined);
  const tablesOf = ({ tables }: Commands) => madeForContainers.filter((table) => tables.has(table));
  return {
    starts,
    setForwardPolicy: { ipv4: policyOf(commands.ipv4), ipv6: policyOf(commands.ipv6) },
    tables: { ipv4: tablesOf(commands.ipv4), ipv6: tablesOf(commands.ipv6) },
    userlandProxy,
    restored,
  };
}
