/**
 * What dockerd's log says about how the engine started, so that a plan starts where the engine did.
 * In: the text of dockerd.log. Out: its starts, and whether it turned forwarding on. Reading the commands themselves is replay's subject.
 */
import type { TableName } from '../firewall/ruleset.ts';

export interface EngineLog {
  /** RFC 3339 times at which the engine began to restore its containers and networks, oldest first. */
  readonly starts: readonly string[];
  /** The engine set FORWARD's policy to DROP; undefined when the log does not show its iptables commands from a start on. */
  readonly setForwardPolicy: boolean | undefined;
  /**
   * Tables that the engine made for containers, in any of its starts: an nft table stays when its last rule goes. (filter
   * and nat are not looked for: the engine writes nat rules in containers' namespaces too, in the same words.)
   */
  readonly tables: readonly TableName[];
  /** Whether the last start used the userland proxy, and the 1-based line that shows it; undefined when none does. */
  readonly userlandProxy: { readonly value: boolean; readonly line: number } | undefined;
}

/** The same words from 17.06 to 28, logged just before libnetwork is set up. */
const startMark = 'msg="Loading containers: start."';

const madeForContainers: readonly TableName[] = ['raw', 'mangle'];

/** With the proxy, packets to loopback addresses are left to it. */
const outputJump = /-[AC] OUTPUT -m addrtype --dst-type LOCAL -j DOCKER( ! --dst 127\.0\.0\.0\/8)?$/;

/** Reads the log line by line; other lines, and lines that are no log, are passed over. */
export function readEngineLog(text: string): EngineLog {
  const starts: string[] = [];
  let sawCommand = false;
  let sawPolicy = false;
  const tables = new Set<string | undefined>();
  let userlandProxy: EngineLog['userlandProxy'];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.includes(startMark)) {
      userlandProxy = undefined;
      const time = /\btime="([^"]{1,40})"/.exec(line)?.[1];
      if (time !== undefined) starts.push(time);
    }
    const command = /\/iptables, \[(?:--wait )?(.*)\]/.exec(line)?.[1];
    if (command === undefined) continue;
    sawCommand = true;
    tables.add(/^-t (\S+) -[AI] /.exec(command)?.[1]);
    if (/(?:^| )-P FORWARD DROP$/.test(command)) sawPolicy = true;
    const jump = outputJump.exec(command);
    if (jump !== null) userlandProxy = { value: jump[1] !== undefined, line: index + 1 };
  }
  return {
    starts,
    setForwardPolicy: starts.length > 0 && sawCommand ? sawPolicy : undefined,
    tables: madeForContainers.filter((table) => tables.has(table)),
    userlandProxy,
  };
}
