/**
 * Candidates from connections that reach a container and find nobody there: its service listens on another address or port, or does
 * not run. In: the patient and failing walks. Out: candidates in which it listens. Only the service itself can do that, so that
 * no repair is a command.
 */
import type { Namespace, Socket } from '../../host/state.ts';
import { type Addr, formatAddr, isLoopback, isUnspecified, sameAddr } from '../../net/addr.ts';
import type { Header, Trace } from '../../packet/trace.ts';
import type { Candidate, Patient } from '../candidate.ts';
import type { Evidence, Repair } from '../finding.ts';

/** Candidates for every container's port that was asked and is closed. */
export function serviceCandidates(patient: Patient, traces: readonly Trace[]): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const trace of traces) {
    const asked = askedIn(patient, trace);
    if (asked === undefined) continue;
    const candidate = candidateFor(patient, asked);
    found.set(candidate.key, candidate);
  }
  return [...found.values()];
}

/** A port of a container that a packet came to and that is closed. */
interface Asked {
  readonly container: Namespace;
  readonly sockets: readonly Socket[];
  readonly protocol: 'tcp' | 'udp';
  readonly address: Addr;
  readonly port: number;
}

function askedIn(patient: Patient, trace: Trace): Asked | undefined {
  const last = trace.hops.at(-1);
  const container = patient.state.namespaces.find((n) => n.name === last?.namespace);
  const sockets = container?.sockets;
  if (last === undefined || container?.kind !== 'container' || sockets === undefined) return undefined;
  let header: Header | undefined;
  for (const step of last.steps) {
    if (step.kind === 'receive') header = step.header;
    if (step.kind === 'nat') header = step.after;
    if (step.kind === 'transmit') return undefined;
    if (step.kind === 'drop' && step.why !== closedPort) return undefined;
  }
  if (header?.dport === undefined || (header.protocol !== 'tcp' && header.protocol !== 'udp'))
    return undefined;
  const asked = {
    container,
    sockets,
    protocol: header.protocol,
    address: header.dst,
    port: header.dport,
  } as const;
  return sockets.some((socket) => answers(socket, asked)) ? undefined : asked;
}

/** As the simulator says it of a datagram; a refused connection has no such step. */
const closedPort = 'nobody listens on this port';

function answers(socket: Socket, { protocol, address, port }: Asked): boolean {
  const anywhere = socket.address === undefined || isUnspecified(socket.address);
  return (
    socket.protocol === protocol &&
    socket.port === port &&
    socket.families.includes(address.family) &&
    (anywhere || (socket.address !== undefined && sameAddr(socket.address, address)))
  );
}

function candidateFor(patient: Patient, asked: Asked): Candidate {
  const { container, protocol, address, port } = asked;
  const other = otherListener(asked);
  const wanted = `${port}/${protocol}`;
  return {
    key: `listen ${container.name} ${formatAddr(address)} ${wanted}`,
    cause: 'service-not-listening',
    restriction: false,
    params: {
      container: container.name,
      port: wanted,
      listens: other === undefined ? '' : `${other.address}:${other.port}`,
    },
    changes: [
      {
        namespace: container.name,
        kind: 'listen',
        socket: { protocol, port, families: [address.family] },
      },
    ],
    cost: 1,
    because: [],
    evidence: evidenceOf(patient, asked, other),
    repairs: [repairOf(asked, other)],
  };
}

interface Listener {
  readonly address: string;
  readonly port: number;
}

/** The same port on another address, as on loopback; else the only other port of the protocol that others can reach. */
function otherListener({ sockets, protocol, address, port }: Asked): Listener | undefined {
  const same = sockets.find((s) => s.protocol === protocol && s.port === port);
  if (same !== undefined) return { address: textOf(same), port };
  const open = sockets.filter(
    (s) =>
      s.protocol === protocol &&
      s.families.includes(address.family) &&
      (s.address === undefined || !isLoopback(s.address)),
  );
  const [only] = open;
  return only === undefined || open.some((s) => s.port !== only.port)
    ? undefined
    : { address: textOf(only), port: only.port };
}

function textOf({ address, families }: Socket): string {
  if (address === undefined) return families.includes('ipv4') ? '0.0.0.0' : '[::]';
  return address.family === 'ipv4' ? formatAddr(address) : `[${formatAddr(address)}]`;
}

function evidenceOf(
  patient: Patient,
  { container, protocol, port }: Asked,
  other: Listener | undefined,
): Evidence[] {
  const nothing = `${container.name}/ss: no socket of ${protocol} port ${port} on this address`;
  return other === undefined
    ? [{ file: 'sandboxes.json', text: nothing }]
    : [socketLine(patient, container.name, `${other.address}:${other.port}`, nothing)];
}

/** The line of a container's socket; where the file is not laid out in lines, what it says. */
function socketLine(patient: Patient, container: string, socket: string, otherwise: string): Evidence {
  const lines = patient.lines('sandboxes.json') ?? [];
  const start = lines.findIndex((line) => line.includes(`"${container}":`));
  const at = lines.findIndex(
    (line, i) => i > start && line.length < longestSocketLine && line.includes(` ${socket} `),
  );
  return start < 0 || at < 0
    ? { file: 'sandboxes.json', text: otherwise }
    : { file: 'sandboxes.json', line: at + 1, text: (lines[at] ?? '').trim() };
}

/** Longer lines hold a whole listing. */
const longestSocketLine = 500;

function repairOf({ container, protocol, port }: Asked, other: Listener | undefined): Repair {
  if (other !== undefined && other.port !== port) {
    return {
      kind: 'config',
      change: `recreate ${container.name} with port ${other.port}/${protocol} published in place of ${port}/${protocol}`,
    };
  }
  return {
    kind: 'config',
    change:
      other === undefined
        ? `start the service in ${container.name}, listening on port ${port}/${protocol} of all addresses`
        : `have the service in ${container.name} listen on port ${port}/${protocol} of all addresses, not of ${other.address} alone`,
  };
}
