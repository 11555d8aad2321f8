/**
 * Whom containers ask for names, where that cannot work or is nobody's choice: a loopback address, at which a container finds itself;
 * Google's servers, which dockerd takes where the host's own are all on loopback. In: a case. Out: an error where questions fail for
 * it, else a warning.
 */
import { parseResolvConf } from '../../host/resolv-conf.ts';
import type { Namespace } from '../../host/state.ts';
import type { Sandbox } from '../../intent/intent.ts';
import { type Addr, formatAddr, isLoopback, sameAddr } from '../../net/addr.ts';
import type { Trace } from '../../packet/trace.ts';
import { fallbackServers } from '../../plan/name-service.ts';
import { resolverAddress } from '../../plan/sandbox.ts';
import type { Evidence } from '../finding.ts';
import type { LoggedMessage } from '../log-messages.ts';
import { lostNames, lostNamesMeaning } from '../sources/name-faults.ts';
import type { Case, Detector } from './case.ts';

/** A container with networking of its own, and whom its resolv.conf names. */
interface Asker {
  readonly sandbox: Sandbox;
  readonly ns: Namespace;
  readonly conf: string;
  /** Whom dockerd asks for it where it says so, else whom the container asks. */
  readonly servers: readonly Addr[];
}

const namedServers = {
  kind: 'config',
  change:
    'set "dns" in daemon.json to servers that containers reach, restart dockerd and recreate the containers',
} as const;

export const loopbackResolvers: Detector = (patient) => {
  const wrong = askersOf(patient).flatMap((asker) => {
    const server = parseResolvConf(asker.conf).nameservers.find(
      (address) => isLoopback(address) && !sameAddr(address, resolverAddress),
    );
    return server === undefined || isServed(asker, server) ? [] : [{ ...asker, server: formatAddr(server) }];
  });
  const [first] = wrong;
  if (first === undefined) return [];
  const failing = questionsOf(patient, wrong);
  return [
    {
      cause: 'loopback-resolver',
      severity: failing.length > 0 ? 'error' : 'warning',
      params: { containers: namesOf(wrong), server: first.server, taken: '' },
      failing,
      hop: `${first.sandbox.name}: resolv.conf`,
      evidence: wrong.map(({ sandbox, server }) => confEvidence(sandbox, `nameserver ${server}`)),
      repairs: [namedServers],
    },
  ];
};

/** A service of the container's own answers there, or somebody asked for that server and no socket tells otherwise. */
function isServed({ sandbox, ns }: Asker, server: Addr): boolean {
  if (ns.sockets === undefined) return sandbox.dns?.some((address) => sameAddr(address, server)) === true;
  return ns.sockets.some(
    ({ protocol, port, address }) =>
      protocol === 'udp' && port === 53 && (address === undefined || sameAddr(address, server)),
  );
}

export const fallbackResolvers: Detector = (patient) => {
  const said = logged(patient, 'no-nameserver-left');
  const taken = askersOf(patient).flatMap((asker) => {
    const fallback = asker.servers.find((address) =>
      fallbackServers.some((other) => sameAddr(other, address)),
    );
    const why = usedDefaults(asker) ?? said ?? loopbackHost(patient);
    const asked = asker.sandbox.dns !== undefined && asker.sandbox.dns.length > 0;
    return fallback === undefined || why === undefined || asked
      ? []
      : [{ ...asker, server: formatAddr(fallback), why }];
  });
  const [first] = taken;
  if (first === undefined || (patient.expected?.options.settings.dns.value ?? []).length > 0) return [];
  const refused = logged(patient, 'nameserver-unreachable');
  const failing = questionsOf(patient, taken);
  return [
    {
      cause: refused === undefined ? 'loopback-resolver' : 'fallback-dns-blocked',
      severity: failing.length > 0 ? 'error' : 'warning',
      params: { containers: namesOf(taken), server: first.server, taken: 'fallback' },
      failing,
      hop: `${first.sandbox.name}: resolv.conf`,
      evidence: [first.why, ...(refused === undefined ? [] : [refused])],
      repairs: [namedServers],
      decide: `nslookup docker.com ${first.server}`,
    },
  ];
};

/** As a candidate would, where the resolver's port is not known: only the engine can make the rules then. */
export const unknownResolverPorts: Detector = (patient) =>
  lostNames(patient).flatMap((lost) => {
    const failing = patient.unhealed.filter(
      ({ flow }) => flow.kind === 'dns' && flow.from === lost.container,
    );
    if (lost.change !== undefined || failing.length === 0) return [];
    return [{ ...lostNamesMeaning(lost), severity: 'error', failing, hop: lost.container }];
  });

/** What dockerd writes into the file since 26.0. */
function usedDefaults({ sandbox, conf }: Asker): Evidence | undefined {
  const text = /^# Used default nameservers.*$/m.exec(conf)?.[0];
  return text === undefined ? undefined : confEvidence(sandbox, text);
}

/** The stub of systemd-resolved: dockerd takes the servers behind it from another file (since 19.03). */
const resolvedStub = '127.0.0.53';

/** The host's own servers are all on loopback. */
function loopbackHost({ host, lines }: Case): Evidence | undefined {
  const servers = parseResolvConf(host?.resolvConf ?? '').nameservers;
  const [first] = servers;
  if (first === undefined || !servers.every((a) => isLoopback(a) && formatAddr(a) !== resolvedStub))
    return undefined;
  const text = `nameserver ${formatAddr(first)}`;
  const line = (lines('resolv.conf') ?? []).findIndex((written) => written.trim() === text) + 1;
  return { file: 'resolv.conf', text, ...(line > 0 ? { line } : {}) };
}

function logged({ messages }: Case, slug: LoggedMessage['slug']): Evidence | undefined {
  const found = messages().findLast((message) => message.slug === slug);
  return found === undefined ? undefined : { file: 'dockerd.log', line: found.line, text: found.text };
}

function askersOf({ state, expected }: Case): readonly Asker[] {
  return (expected?.intent.sandboxes ?? []).flatMap((sandbox) => {
    const ns = state.namespaces.find(({ kind, name }) => kind === 'container' && name === sandbox.name);
    const conf = ns?.resolvConf;
    if (ns === undefined || conf === undefined || !sandbox.running || sandbox.mode.kind !== 'own') return [];
    const { nameservers, upstreams } = parseResolvConf(conf);
    return [{ sandbox, ns, conf, servers: upstreams?.map(({ address }) => address) ?? nameservers }];
  });
}

/** Questions for names of these containers that nothing healed. */
function questionsOf({ unhealed }: Case, askers: readonly Asker[]): readonly Trace[] {
  return unhealed.filter(
    ({ flow }) => flow.kind === 'dns' && askers.some(({ sandbox }) => sandbox.name === flow.from),
  );
}

function namesOf(askers: readonly Asker[]): string {
  return askers.map(({ sandbox }) => sandbox.name).join(', ');
}

function confEvidence({ name }: Sandbox, text: string): Evidence {
  return { file: 'sandboxes.json', text: `${name}: ${text}` };
}
