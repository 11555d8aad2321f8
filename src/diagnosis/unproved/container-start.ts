/**
 * Containers that the engine could not start, by its own words: ports that are taken, addresses that are not there, kernels that lack
 * something. In: what `docker inspect` says of them, and the log where a network could not be made. Out: one suspicion for each.
 */
import type { Sandbox } from '../../intent/intent.ts';
import type { Cause } from '../causes.ts';
import { foundLine } from '../evidence.ts';
import type { Evidence, Repair } from '../finding.ts';
import type { Case, Detector, Suspicion } from './case.ts';
import { kernelOf, modulesAreGone } from './kernel-modules.ts';

/** Errors of dockerd and its drivers, 17.06 to 29, and of the kernel behind them. The first that fits is taken. */
const reasons: readonly { readonly says: RegExp; readonly cause: Cause }[] = [
  {
    says: /address already in use|port is already allocated|all ports are allocated/,
    cause: 'host-port-taken',
  },
  { says: /cannot assign requested address/, cause: 'publish-address-not-local' },
  { says: /no available (?:IPv[46] )?addresses on this/, cause: 'addresses-exhausted' },
  {
    says: /[Ee]xtension \S+ (?:revision \d+ )?(?:is )?not supported|missing kernel module|Couldn't load (?:match|target)|can't initialize ip6?tables table|Table does not exist/,
    cause: 'xtables-extension-missing',
  },
  // libnetwork, drivers/bridge: every kernel that once ran the engine has veth.
  {
    says: /pair interfaces: operation not supported|Module \S+ not found in directory/i,
    cause: 'kernel-modules-gone',
  },
  {
    says: /(?:operation|protocol|address family) not supported|no such device type|unknown device type/i,
    cause: 'driver-not-in-kernel',
  },
];

/** The cause that an engine's error means; undefined for words that say nothing known. */
export function causeOfError(patient: Pick<Case, 'lines'>, error: string): Cause | undefined {
  const cause = reasons.find(({ says }) => says.test(error))?.cause;
  return cause === 'driver-not-in-kernel' && modulesAreGone(patient) ? 'kernel-modules-gone' : cause;
}

/** Containers that failed for one reason are one finding. */
export const failedContainers: Detector = (patient) => {
  const failures = new Map<string, { readonly failure: Failure; readonly sandboxes: Sandbox[] }>();
  for (const sandbox of patient.expected?.intent.sandboxes ?? []) {
    const failure = failureOf(patient, sandbox);
    if (failure === undefined) continue;
    const key = `${failure.cause} ${failure.reason}`;
    const known = failures.get(key) ?? { failure, sandboxes: [] };
    known.sandboxes.push(sandbox);
    failures.set(key, known);
  }
  return [...failures.values()].map(({ failure, sandboxes }) => suspicionOf(patient, sandboxes, failure));
};

/** Whether it is told here why a container does not run. */
export function isExplained(patient: Case, sandbox: Sandbox): boolean {
  return failureOf(patient, sandbox) !== undefined;
}

interface Failure {
  readonly cause: Cause;
  readonly reason: string;
  readonly evidence: readonly Evidence[];
}

function failureOf(patient: Case, { name, running, failure }: Sandbox): Failure | undefined {
  if (running || failure === undefined) return undefined;
  const own: Evidence = { file: 'docker-container-inspect.json', text: `${name}: ${failure}` };
  const written = foundLine(patient, 'docker-container-inspect.json', '"Error"', failure.slice(-40));
  const evidence = [written === undefined ? own : { ...own, line: written.line }];
  const cause = causeOfError(patient, failure);
  if (cause !== undefined) return { cause, reason: failure, evidence };
  // It misses a network: then why that could not be made stands in the log.
  const missing = /network \S+ not found/.test(failure)
    ? foundLine(patient, 'dockerd.log', 'level=error', '/networks/create returned error: ')
    : undefined;
  const said = missing === undefined ? undefined : /returned error: ([^"]*)/.exec(missing.text)?.[1];
  const behind = said === undefined ? undefined : causeOfError(patient, said);
  return missing === undefined || said === undefined || behind === undefined
    ? undefined
    : { cause: behind, reason: said, evidence: [...evidence, missing] };
}

function suspicionOf(
  patient: Case,
  sandboxes: readonly Sandbox[],
  { cause, reason, evidence }: Failure,
): Suspicion {
  const container = sandboxes.map((s) => s.name).join(', ');
  const base = { cause, severity: 'error', hop: 'dockerd', evidence } as const;
  const params = { container, reason };
  switch (cause) {
    case 'host-port-taken':
      return { ...base, ...takenPort(patient, container, reason, evidence) };
    case 'publish-address-not-local': {
      const address = placeIn(reason)?.address ?? '';
      return {
        ...base,
        params: { ...params, address },
        repairs: [advice(`recreate ${container} with its port published on an address of this host`)],
        decide: 'ip -brief address show',
      };
    }
    case 'addresses-exhausted': {
      const network = /address pools: (\S+)/.exec(reason)?.[1] ?? '';
      return {
        ...base,
        params: { ...params, network, pool: '' },
        repairs: [advice('recreate the network with a larger subnet, or remove containers from it')],
        decide: `docker network inspect ${network}`.trim(),
      };
    }
    case 'xtables-extension-missing': {
      const extension =
        /[Ee]xtension (\S+)|load (?:match|target) [`']?(\w+)|ip6?tables table [`']?(\w+)/.exec(reason);
      const name = extension?.[1] ?? extension?.[2] ?? extension?.[3] ?? '';
      return { ...base, params: { ...params, extension: name }, decide: `modprobe -n -v xt_${name}` };
    }
    case 'kernel-modules-gone':
      return {
        ...base,
        params: { ...params, kernel: kernelOf(patient) ?? '' },
        repairs: [{ kind: 'command', change: 'reboot' }],
        decide: 'ls -d "/lib/modules/$(uname -r)"',
      };
    default:
      return { ...base, params, decide: 'zgrep -E "MACVLAN|IPVLAN|VETH|SCTP|VLAN_8021Q" /proc/config.gz' };
  }
}

function advice(change: string): Repair {
  return { kind: 'config', change };
}

interface Place {
  readonly address: string;
  readonly port: string;
}

/** The host's side of a port in an error: `for 0.0.0.0:8080:172.17.0.2:80/tcp`, `listen tcp4 0.0.0.0:8080: bind`. */
function placeIn(reason: string): Place | undefined {
  const found = /(\[[0-9a-fA-F:.%]*\]|\d{1,3}(?:\.\d{1,3}){3})?:(\d{1,5})\b/.exec(reason);
  return found?.[2] === undefined ? undefined : { address: found[1] ?? '', port: found[2] };
}

/** Who holds the port: another of the engine's containers, a listener of the host, or a proxy that was left behind. */
function takenPort(
  patient: Case,
  container: string,
  reason: string,
  evidence: readonly Evidence[],
): Pick<Suspicion, 'params' | 'evidence' | 'repairs' | 'decide'> {
  const place = placeIn(reason);
  const number = Number(place?.port);
  const other = (patient.expected?.intent.sandboxes ?? []).find(
    (s) => s.running && s.endpoints.some((e) => e.ports.some((p) => p.hostPort === number)),
  );
  const listening = place === undefined ? undefined : foundLine(patient, 'ss.txt', `:${place.port} `);
  const process = /users:\(\("([^"]*)"/.exec(listening?.text ?? '')?.[1];
  const holder = other === undefined ? (process ?? '') : `container ${other.name}`;
  return {
    params: {
      container,
      reason,
      address: place === undefined ? '' : `${place.address}:${place.port}`,
      holder,
    },
    evidence: [...evidence, ...(listening === undefined ? [] : [listening])],
    repairs: [
      advice(`stop what holds port ${place?.port ?? ''}, or recreate ${container} with another host port`),
    ],
    decide: place === undefined ? 'ss -lntup' : `ss -lntup 'sport = :${place.port}'`,
  };
}
