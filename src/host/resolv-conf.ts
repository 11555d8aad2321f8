/**
 * resolv.conf: which servers a namespace asks for names, and what dockerd wrote into it about its own resolver.
 * In: the text of the file. Out: its name servers, the servers behind dockerd's resolver where it says them, and ndots.
 * It asks nobody.
 */
import { type Addr, parseAddr } from '../net/addr.ts';

/** A server that dockerd's resolver forwards to. */
export interface Upstream {
  readonly address: Addr;
  /** dockerd asks it from the host's namespace, else from the container's. */
  readonly fromHost: boolean;
}

export interface ResolvConf {
  readonly nameservers: readonly Addr[];
  /** dockerd writes them as a comment since 26.0; undefined where there is none. */
  readonly upstreams: readonly Upstream[] | undefined;
  /** Somebody asked for `ndots`: it is not the 0 that dockerd puts beside its own resolver. */
  readonly ndotsSet: boolean;
}

/** Reads the file as the C library does: unknown lines and addresses that are none do not count. */
export function parseResolvConf(text: string): ResolvConf {
  const lines = text.split('\n').map((line) => line.trim());
  const told = lines.flatMap((line) => /^# ExtServers: \[(.*)\]$/.exec(line)?.[1] ?? []).at(0);
  const ndots = lines.flatMap((line) =>
    /^options\s/.test(line) ? [...line.matchAll(/\sndots:(\d+)/g)].map(([, value]) => Number(value)) : [],
  );
  return {
    nameservers: lines.flatMap((line) => parseAddr(/^nameserver\s+(\S+)/.exec(line)?.[1] ?? '') ?? []),
    upstreams: told?.split(' ').flatMap(upstreamOf),
    ndotsSet:
      ndots.some((value) => value > 0) ||
      lines.some((line) => /^# Option ndots from: (host|override)$/.test(line)),
  };
}

/** `host(10.0.0.53)` or `10.0.0.53`. */
function upstreamOf(text: string): readonly Upstream[] {
  const fromHost = /^host\((.*)\)$/.exec(text)?.[1];
  const address = parseAddr(fromHost ?? text);
  return address === undefined ? [] : [{ address, fromHost: fromHost !== undefined }];
}
