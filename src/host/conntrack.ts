/**
 * Tracked connections, from /proc/net/nf_conntrack or `conntrack -L`. In: lines. Out: those of UDP, with both directions: what was
 * asked, and what the answer will look like. Connections of other protocols end by themselves and are left out.
 */
import { type Addr, parseAddr } from '../net/addr.ts';

export interface Direction {
  readonly src: Addr;
  readonly dst: Addr;
  readonly sport: number;
  readonly dport: number;
}

export interface TrackedUdp {
  /** 1-based. */
  readonly line: number;
  readonly text: string;
  readonly original: Direction;
  readonly reply: Direction;
}

/** Lines that are not understood are left out: the table changes while it is read. */
export function trackedUdp(lines: readonly string[]): readonly TrackedUdp[] {
  return lines.flatMap((line, i) => {
    if (!/(?:^|\s)udp\s+17\s/.test(line)) return [];
    const found = [...line.matchAll(/src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g)];
    const [original, reply] = found.map(directionOf);
    return original === undefined || reply === undefined
      ? []
      : [{ line: i + 1, text: line.trim(), original, reply }];
  });
}

function directionOf([, from = '', to = '', sport, dport]: RegExpMatchArray): Direction | undefined {
  const [src, dst] = [parseAddr(from), parseAddr(to)];
  return src === undefined || dst === undefined
    ? undefined
    : { src, dst, sport: Number(sport), dport: Number(dport) };
}
