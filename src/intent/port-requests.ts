/**
 * Published ports: what was asked for, joined with the host ports that were given.
 * In: the PortBindings, the exposed ports and the NetworkSettings.Ports of one container. Out: requests with one binding each.
 * The order in which the engine maps them is the subject of `port-order.ts`.
 */
import { type Addr, parseAddr, sameAddr } from '../net/addr.ts';
import type { PortMap } from './inspect-schema.ts';
import type { PortBinding } from './intent.ts';
import type { PortRequest } from './port-order.ts';

export interface PublishedPorts {
  readonly bindings: PortMap;
  readonly exposed: readonly string[];
  readonly publishAll: boolean;
  /** What the engine reports as mapped; undefined when nothing is running, and then every request counts. */
  readonly actual: PortMap | undefined;
}

/** A container port as Docker writes it: `80/tcp`, `80` for tcp. */
export interface ContainerPort {
  readonly protocol: PortBinding['protocol'];
  readonly port: number;
}

/** Where automatic host ports begin when no engine has chosen: the start of Linux' ip_local_port_range. */
const firstAutomaticPort = 32768;

/** Reads `80/tcp`; undefined if it is malformed or another protocol. */
export function parseContainerPort(text: string): ContainerPort | undefined {
  const found = /^([0-9]{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const port = Number(found?.[1]);
  if (found === null || port < 1 || port > 65535) return undefined;
  const protocol = found[2]?.toLowerCase();
  return { port, protocol: protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp' };
}

/** All requests that are in force. `problems` says which entries could not be read. */
export function portRequests(published: PublishedPorts): {
  readonly requests: readonly PortRequest[];
  readonly problems: readonly string[];
} {
  const requests: PortRequest[] = [];
  const problems: string[] = [];
  let automatic = firstAutomaticPort;
  for (const [key, wanted] of wantedPorts(published)) {
    const container = parseContainerPort(key);
    if (container === undefined) {
      problems.push(`port ${JSON.stringify(key)} is not PORT/tcp, PORT/udp or PORT/sctp`);
      continue;
    }
    const given = published.actual?.get(key);
    if (published.actual !== undefined && (given === undefined || given.length === 0)) continue;
    let spare = unexplained(given ?? [], wanted);
    for (const entry of wanted) {
      const range = parseHostPort(entry.HostPort ?? '');
      const hostAddress = parseHostIp(entry.HostIp ?? '');
      if (range === undefined || hostAddress === 'malformed') {
        problems.push(`binding ${entry.HostIp ?? ''}:${entry.HostPort ?? ''} of port ${key} is malformed`);
        continue;
      }
      const exact = range.first === range.last && range.first !== 0;
      const taken = exact ? { port: range.first, rest: spare } : take(spare, range, hostAddress);
      spare = taken.rest;
      const fallback =
        taken.port !== undefined || published.actual !== undefined ? 0 : range.first || automatic++;
      requests.push({
        ...range,
        binding: {
          protocol: container.protocol,
          containerPort: container.port,
          ...(hostAddress === undefined ? {} : { hostAddress }),
          hostPort: taken.port ?? fallback,
        },
      });
    }
  }
  return { requests, problems };
}

type WantedBinding = {
  readonly HostIp?: string | null | undefined;
  readonly HostPort?: string | null | undefined;
};

/** The requested bindings; with publish-all also one automatic port for each exposed port that has none. */
function wantedPorts(published: PublishedPorts): readonly (readonly [string, readonly WantedBinding[]])[] {
  const wanted: (readonly [string, readonly WantedBinding[]])[] = [...published.bindings];
  if (!published.publishAll) return wanted;
  const unbound = published.exposed.filter((port) => (published.bindings.get(port) ?? []).length === 0);
  return [
    ...wanted.filter(([port]) => !unbound.includes(port)),
    ...unbound.map((port) => [port, [{ HostIp: '', HostPort: '' }]] as const),
  ];
}

interface HostPortRange {
  readonly first: number;
  readonly last: number;
}

function parseHostPort(text: string): HostPortRange | undefined {
  if (text === '') return { first: 0, last: 0 };
  const found = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text);
  if (found === null) return undefined;
  const first = Number(found[1]);
  const last = Number(found[2] ?? found[1]);
  return first <= last && last <= 65535 ? { first, last } : undefined;
}

function parseHostIp(text: string): Addr | undefined | 'malformed' {
  if (text === '') return undefined;
  return parseAddr(text.replace(/^\[(.*)\]$/, '$1')) ?? 'malformed';
}

interface MappedPort {
  readonly address: Addr | undefined;
  readonly port: number;
}

/** The mapped ports of one container port that no exact request explains: what ranges and automatic ports were given. */
function unexplained(
  given: readonly WantedBinding[],
  wanted: readonly WantedBinding[],
): readonly MappedPort[] {
  const exact = new Set(wanted.map((entry) => entry.HostPort ?? ''));
  return given
    .filter((entry) => /^[0-9]{1,5}$/.test(entry.HostPort ?? '') && !exact.has(entry.HostPort ?? ''))
    .map((entry) => ({ address: parseAddr(entry.HostIp ?? ''), port: Number(entry.HostPort) }));
}

/** Takes the next port within the range; of a request without address also its twin of the other family. */
function take(
  spare: readonly MappedPort[],
  range: HostPortRange,
  address: Addr | undefined,
): { readonly port: number | undefined; readonly rest: readonly MappedPort[] } {
  const found = spare.find(
    (entry) =>
      (range.first === 0 || (entry.port >= range.first && entry.port <= range.last)) &&
      (address === undefined || (entry.address !== undefined && sameAddr(entry.address, address))),
  );
  if (found === undefined) return { port: undefined, rest: spare };
  const isSpent = (entry: MappedPort) =>
    entry === found || (address === undefined && entry.port === found.port);
  return { port: found.port, rest: spare.filter((entry) => !isSpent(entry)) };
}
