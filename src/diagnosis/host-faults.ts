/**
 * Candidates from the host itself: links down or detached, addresses and routes missing or in the way, sysctls that
 * stop forwarding, neighbours that are wrong. In: the observed state, and what the engine was asked for.
 * Out: candidates, one for each thing that is not as a working host has it. None is judged here.
 */
import { defaultRoute, type StateChange } from '../host/change.ts';
import type { Link, Namespace, Route } from '../host/state.ts';
import type { Endpoint, Network } from '../intent/intent.ts';
import { gatewayOf } from '../intent/ipam.ts';
import { type Addr, formatAddr, sameAddr } from '../net/addr.ts';
import { containsAddr, formatPrefix, maskPrefix, overlaps, type Prefix, samePrefix } from '../net/prefix.ts';
import type { Candidate, Patient } from './candidate.ts';
import type { Cause } from './causes.ts';
import { lineEvidence } from './evidence.ts';
import { startProxies } from './proxies.ts';
import { shellLine } from './shell.ts';

interface Fault {
  readonly cause: Cause;
  readonly changes: readonly StateChange[];
  readonly params: Readonly<Record<string, string>>;
  readonly cost?: number;
  readonly evidence?: Candidate['evidence'];
  readonly because?: Candidate['because'];
  readonly repairs?: Candidate['repairs'];
}

export function hostFaultCandidates(patient: Patient): Candidate[] {
  const host = patient.state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined) return [];
  const faults = [
    ...forwarding(patient, host),
    ...links(patient, host),
    ...addresses(patient, host),
    ...deleted(patient, host),
    ...unlinked(patient),
    ...proxies(patient, host),
    ...routes(patient, host),
    ...policyRules(host),
    ...neighbours(patient),
    ...containers(patient, host),
  ];
  return faults.map((fault) => ({
    key: `${fault.cause} ${JSON.stringify(fault.params)}`,
    cause: fault.cause,
    restriction: false,
    params: fault.params,
    changes: fault.changes,
    cost: fault.cost ?? 1,
    because: fault.because ?? [],
    evidence: fault.evidence ?? [],
    repairs: fault.repairs ?? [],
  }));
}

function sysctlFault(patient: Patient, ns: Namespace, cause: Cause, name: string, value: string): Fault {
  const now = ns.sysctls.get(name);
  return {
    cause,
    changes: [{ namespace: ns.name, kind: 'sysctl', name, value, before: now?.value }],
    params: { sysctl: name, value: now?.value ?? '', wanted: value },
    evidence: lineEvidence(now?.at, patient),
  };
}

function forwarding(patient: Patient, host: Namespace): Fault[] {
  const faults: Fault[] = [];
  const option = patient.expected?.options.settings['ip-forward'];
  if (host.sysctls.get('net.ipv4.ip_forward')?.value === '0') {
    const because =
      option?.value === false ? [{ setting: 'ip-forward', value: false, origin: option.origin }] : [];
    faults.push({ ...sysctlFault(patient, host, 'ip-forward-off', 'net.ipv4.ip_forward', '1'), because });
  } else {
    for (const link of host.links) {
      const name = `net.ipv4.conf.${link.name}.forwarding`;
      if (link.kind === 'loopback' || host.sysctls.get(name)?.value !== '0') continue;
      faults.push(sysctlFault(patient, host, 'interface-forwarding-off', name, '1'));
    }
  }
  faults.push(...strictFiltering(patient, host));
  const callers = 'net.bridge.bridge-nf-call-iptables';
  if (host.sysctls.get(callers)?.value === '1') {
    // Wider than a rule: it takes all bridges out of iptables.
    faults.push({ ...sysctlFault(patient, host, 'bridge-nf-with-forward-drop', callers, '0'), cost: 3 });
  }
  return faults;
}

/** Loose filtering on every device that is strict: of `all` and the device's own the kernel takes the higher, and 2 is above 1. */
function strictFiltering(patient: Patient, host: Namespace): Fault[] {
  return host.links.flatMap((link) => {
    const own = `net.ipv4.conf.${link.name}.rp_filter`;
    const strict = [own, 'net.ipv4.conf.all.rp_filter'].some((name) => host.sysctls.get(name)?.value === '1');
    return strict && link.kind !== 'loopback'
      ? [sysctlFault(patient, host, 'reverse-path-filter', own, '2')]
      : [];
  });
}

function links(patient: Patient, host: Namespace): Fault[] {
  const faults: Fault[] = [];
  const bridges = bridgeNames(patient);
  for (const link of host.links) {
    const change = { namespace: host.name, kind: 'link-up', dev: link.name } as const;
    if (!link.up && link.kind !== 'loopback') {
      const isBridge = link.kind === 'bridge';
      const gone = isBridge ? [] : lostDefaultRoute(patient, host, link);
      faults.push({
        cause: isBridge ? 'bridge-down' : link.master === undefined ? 'uplink-down' : 'container-link-down',
        changes: [change, ...gone],
        params: { link: link.name },
      });
    }
    if (link.port !== undefined) faults.push(...portFaults(host, link));
    const bridge = link.master === undefined ? bridgeOf(patient, link) : undefined;
    if (bridge !== undefined) {
      faults.push({
        cause: 'veth-detached',
        changes: [{ namespace: host.name, kind: 'link-master', dev: link.name, master: bridge }],
        params: { link: link.name, bridge },
      });
    }
  }
  faults.push(...renamed(host, bridges));
  for (const ns of patient.state.namespaces) {
    if (ns.kind !== 'container') continue;
    for (const link of ns.links) {
      if (link.up || link.kind === 'loopback') continue;
      const back = endpointsOf(patient, ns.name).flatMap(({ network, endpoint }) =>
        containerRoutes(ns, link, network, endpoint),
      );
      faults.push({
        cause: 'container-link-down',
        changes: [{ namespace: ns.name, kind: 'link-up', dev: link.name }, ...back],
        params: { link: link.name, container: ns.name },
      });
    }
  }
  return faults;
}

function portFaults(host: Namespace, link: Link): Fault[] {
  const { port } = link;
  if (port === undefined) return [];
  const set = (cause: Cause, flags: Partial<typeof port>, what: string): Fault => ({
    cause,
    changes: [{ namespace: host.name, kind: 'port-flags', dev: link.name, flags }],
    params: { link: link.name, flag: what },
  });
  const faults: Fault[] = [];
  if (!port.learning && !port.flood)
    faults.push(set('bridge-port-blocks', { learning: true, flood: true }, 'learning, flood'));
  if (port.isolated) faults.push(set('bridge-port-blocks', { isolated: false }, 'isolated'));
  if (link.up && port.state === 'blocking')
    faults.push(set('bridge-port-blocks', { state: 'forwarding' }, 'state'));
  if (!port.hairpin) faults.push({ ...set('hairpin-off', { hairpin: true }, 'hairpin'), cost: 2 });
  return faults;
}

/** A bridge that the plan names is gone, and one that it does not name carries its address. */
function renamed(host: Namespace, bridges: ReadonlyMap<string, Network>): Fault[] {
  return [...bridges].flatMap(([name, network]) => {
    if (host.links.some((l) => l.name === name)) return [];
    const gateway = networkGateway(network);
    const now = host.links.find(
      (l) =>
        l.kind === 'bridge' &&
        gateway !== undefined &&
        l.addresses.some((a) => sameAddr(a.prefix.addr, gateway)),
    );
    if (now === undefined) return [];
    return [
      {
        cause: 'bridge-renamed' as const,
        changes: [{ namespace: host.name, kind: 'rename-link' as const, dev: now.name, name }],
        params: { link: now.name, bridge: name },
      },
    ];
  });
}

/** Addresses that the plan puts on bridges. */
function addresses(patient: Patient, host: Namespace): Fault[] {
  return (patient.expected?.plan.links ?? []).flatMap((planned) => {
    const link = host.links.find((l) => l.name === planned.name);
    if (link === undefined) return [];
    return planned.addresses
      .filter(({ prefix }) => !link.addresses.some((a) => sameAddr(a.prefix.addr, prefix.addr)))
      .map(
        ({ prefix }): Fault => ({
          cause: 'bridge-address-missing',
          changes: [{ namespace: host.name, kind: 'add-address', dev: link.name, prefix }],
          params: { bridge: link.name, address: formatPrefix(prefix) },
        }),
      );
  });
}

/** Bridges of the plan that are gone, with the containers' links that were their ports. */
function deleted(patient: Patient, host: Namespace): Fault[] {
  return (patient.expected?.plan.links ?? []).flatMap((planned) => {
    if (host.links.some((l) => l.name === planned.name)) return [];
    const prefix = planned.addresses[0]?.prefix;
    const ports = host.links.filter((l) => l.master === undefined && bridgeOf(patient, l) === planned.name);
    return [
      {
        cause: 'bridge-down',
        changes: [
          { namespace: host.name, kind: 'add-bridge', dev: planned.name, mtu: planned.mtu, prefix },
          ...ports.map((l) => ({
            namespace: host.name,
            kind: 'link-master' as const,
            dev: l.name,
            master: planned.name,
          })),
        ],
        params: { link: planned.name },
        cost: 1.5,
      },
    ];
  });
}

/** Endpoints without a link: the veth pair is gone, and only the engine makes a new one. */
function unlinked(patient: Patient): Fault[] {
  return patient.state.namespaces.flatMap((ns) => {
    if (ns.kind !== 'container') return [];
    return endpointsOf(patient, ns.name).flatMap(({ network, endpoint }): Fault[] => {
      const prefix = endpoint.addresses.find((p) => p.addr.family === 'ipv4');
      const bridge = [...bridgeNames(patient)].find(([, n]) => n.id === network.id)?.[0];
      const isThere = ns.links.some((l) => l.kind !== 'loopback');
      if (isThere || prefix === undefined || bridge === undefined) return [];
      const gateway = endpoint.gateway ?? networkGateway(network);
      const mac = endpoint.mac ?? `new:${ns.name}:${bridge}`;
      return [
        {
          cause: 'container-link-down',
          changes: [{ namespace: ns.name, kind: 'attach', dev: 'eth0', mac, prefix, gateway, bridge }],
          params: { link: 'eth0', container: ns.name },
          repairs: [{ kind: 'command', change: shellLine(['docker', 'restart', ns.name]) }],
        },
      ];
    });
  });
}

/** Proxies of the plan that do not run. */
function proxies(patient: Patient, host: Namespace): Fault[] {
  const running = patient.state.proxies;
  if (running === undefined) return [];
  const lost = (patient.expected?.plan.proxies ?? []).filter(
    (p) => !running.some((r) => r.hostPort === p.hostPort && r.protocol === p.protocol),
  );
  if (lost.length === 0) return [];
  return [
    {
      cause: 'userland-proxy-missing',
      changes: startProxies(host, lost),
      params: { ports: lost.map((p) => `${p.hostPort}/${p.protocol}`).join(', ') },
      repairs: [{ kind: 'command', change: 'systemctl restart docker' }],
    },
  ];
}

function routes(patient: Patient, host: Namespace): Fault[] {
  const faults: Fault[] = [];
  const remove = (cause: Cause, route: Route): Fault => ({
    cause,
    changes: [{ namespace: host.name, kind: 'delete-route', route }],
    params: { route: describeRoute(route) },
  });
  const networks = [...bridgeNames(patient)].flatMap(([bridge, network]) =>
    network.ipam.map((c) => ({ bridge, network, subnet: c.subnet })),
  );
  for (const route of host.routes) {
    if (route.family !== 'ipv4') continue;
    const refuses = route.type === 'blackhole' || route.type === 'unreachable' || route.type === 'prohibit';
    if (refuses) faults.push(remove('route-refuses', route));
    const mine = networks.find((n) => overlaps(n.subnet, route.dst) && route.dst.bits >= n.subnet.bits);
    if (mine !== undefined && route.type === 'local' && isContainerAddress(patient, route.dst)) {
      faults.push(remove('container-address-is-local', route));
    } else if (
      mine !== undefined &&
      route.type === 'unicast' &&
      route.table === 'main' &&
      route.dev !== mine.bridge
    ) {
      faults.push(remove('subnet-overlap', route));
    } else if (route.type === 'unicast' && route.gateway !== undefined && route.dst.bits > 0) {
      faults.push({ ...remove('route-via-dead-link', route), cost: 1.5 });
    }
  }
  faults.push(...deadHalves(host));
  if (!host.routes.some((r) => r.dst.bits === 0 && r.family === 'ipv4')) {
    const changes = host.links.flatMap((link) => lostDefaultRoute(patient, host, link));
    if (changes.length > 0)
      faults.push({ cause: 'no-default-route', changes: changes.slice(0, 1), params: {} });
  }
  return faults;
}

/** VPNs cover the default route with 0.0.0.0/1 and 128.0.0.0/1: they go together. */
function deadHalves(host: Namespace): Fault[] {
  const halves = host.routes.filter((r) => r.family === 'ipv4' && r.dst.bits === 1 && r.type === 'unicast');
  if (halves.length < 2) return [];
  return [
    {
      cause: 'route-via-dead-link',
      changes: halves.map((route) => ({ namespace: host.name, kind: 'delete-route', route })),
      params: { route: halves.map(describeRoute).join(', ') },
      cost: 1.5,
    },
  ];
}

function policyRules(host: Namespace): Fault[] {
  const own = new Set([0, 32766, 32767]);
  return host.policyRules
    .filter((r) => r.family === 'ipv4' && !own.has(r.priority))
    .map((rule) => ({
      cause: rule.mark === undefined ? 'reply-captured-by-other-table' : 'mark-routes-elsewhere',
      changes: [{ namespace: host.name, kind: 'delete-policy-rule', priority: rule.priority }],
      params: { priority: String(rule.priority), table: rule.table ?? rule.action },
    }));
}

function neighbours(patient: Patient): Fault[] {
  return patient.state.namespaces.flatMap((ns) =>
    ns.neighbours
      .filter((n) => n.addr.family === 'ipv4' && n.mac !== undefined && n.state.includes('PERMANENT'))
      .map(
        (n): Fault => ({
          cause: 'stale-neighbour',
          changes: [{ namespace: ns.name, kind: 'delete-neighbour', dev: n.dev, addr: n.addr }],
          params: { address: formatAddr(n.addr), mac: n.mac ?? '', link: n.dev },
          evidence: lineEvidence(n.at, patient),
        }),
      ),
  );
}

/** Inside containers: address and default route as the engine gave them. */
function containers(patient: Patient, host: Namespace): Fault[] {
  return patient.state.namespaces.flatMap((ns) => {
    if (ns.kind !== 'container' || ns === host) return [];
    return endpointsOf(patient, ns.name).flatMap(({ network, endpoint }) =>
      containerFaults(ns, network, endpoint),
    );
  });
}

function containerFaults(ns: Namespace, network: Network, endpoint: Endpoint): Fault[] {
  const faults: Fault[] = [];
  const wanted = endpoint.addresses.find((p) => p.addr.family === 'ipv4');
  const gateway = endpoint.gateway;
  const link = ns.links.find(
    (l) =>
      (endpoint.mac !== undefined && l.mac === endpoint.mac) ||
      l.addresses.some((a) => wanted !== undefined && samePrefix(a.prefix, wanted)),
  );
  if (link === undefined || wanted === undefined) return [];
  if (!link.addresses.some((a) => sameAddr(a.prefix.addr, wanted.addr))) {
    const wrong = link.addresses.filter((a) => a.prefix.addr.family === 'ipv4');
    faults.push({
      cause: 'container-address-wrong',
      changes: [
        ...wrong.map(
          (a): StateChange => ({
            namespace: ns.name,
            kind: 'delete-address',
            dev: link.name,
            prefix: a.prefix,
          }),
        ),
        { namespace: ns.name, kind: 'add-address', dev: link.name, prefix: wanted },
        ...containerRoutes(ns, link, network, endpoint),
      ],
      params: {
        container: ns.name,
        address: wrong.map((a) => formatPrefix(a.prefix)).join(', '),
        wanted: formatPrefix(wanted),
      },
    });
  }
  const now = ns.routes.find((r) => r.family === 'ipv4' && r.dst.bits === 0);
  const hasOther = now?.dev !== undefined && now.dev !== link.name;
  if (gateway !== undefined && !hasOther && (now?.gateway === undefined || !sameAddr(now.gateway, gateway))) {
    faults.push({
      cause: 'container-route-wrong',
      changes: [
        ...(now === undefined ? [] : [{ namespace: ns.name, kind: 'delete-route' as const, route: now }]),
        ...containerRoutes(ns, link, network, endpoint),
      ],
      params: {
        container: ns.name,
        gateway: now?.gateway === undefined ? '' : formatAddr(now.gateway),
        wanted: formatAddr(gateway),
      },
    });
  }
  return faults;
}

function containerRoutes(ns: Namespace, link: Link, network: Network, endpoint: Endpoint): StateChange[] {
  const gateway = endpoint.gateway ?? networkGateway(network);
  if (gateway?.family !== 'ipv4') return [];
  return [{ namespace: ns.name, kind: 'add-route', route: defaultRoute(link.name, gateway) }];
}

/** The default route that went with an uplink: by the gateway that the outside is known to have there. */
function lostDefaultRoute(patient: Patient, host: Namespace, link: Link): StateChange[] {
  if (host.routes.some((r) => r.family === 'ipv4' && r.dst.bits === 0)) return [];
  const far = patient.state.outside?.links.find((l) => l.peer === link.name);
  const gateway = far?.addresses.find(
    (p) => p.addr.family === 'ipv4' && link.addresses.some((a) => containsAddr(a.prefix, p.addr)),
  )?.addr;
  if (gateway === undefined) return [];
  return [{ namespace: host.name, kind: 'add-route', route: defaultRoute(link.name, gateway) }];
}

function describeRoute(route: Route): string {
  const dst = route.dst.bits === 0 ? 'default' : formatPrefix(maskPrefix(route.dst));
  const via = route.gateway === undefined ? '' : ` via ${formatAddr(route.gateway)}`;
  const dev = route.dev === undefined ? '' : ` dev ${route.dev}`;
  return `${route.type === 'unicast' ? '' : `${route.type} `}${dst}${via}${dev}`;
}

/** Bridge networks by the name of their link, as the plan has it. */
export function bridgeNames(patient: Patient): ReadonlyMap<string, Network> {
  const names = new Map<string, Network>();
  for (const network of patient.expected?.intent.networks ?? []) {
    if (network.driver !== 'bridge') continue;
    const given = network.options['com.docker.network.bridge.name'];
    const isDefault = network.options['com.docker.network.bridge.default_bridge'] === 'true';
    names.set(given ?? (isDefault ? 'docker0' : `br-${network.id.slice(0, 12)}`), network);
  }
  return names;
}

function networkGateway(network: Network): Addr | undefined {
  const config = network.ipam.find((c) => c.subnet.addr.family === 'ipv4');
  return config === undefined ? undefined : gatewayOf(config);
}

/** The bridge that a host-side veth belongs to, by the container at its other end. */
function bridgeOf(patient: Patient, link: Link): string | undefined {
  const container = link.kind === 'veth' ? link.peer?.namespace : undefined;
  if (container === undefined) return undefined;
  const far = patient.state.namespaces
    .find((n) => n.name === container)
    ?.links.find((l) => l.index === link.peer?.index);
  const mine = endpointsOf(patient, container).find(({ endpoint }) =>
    endpoint.addresses.some((p) => far?.addresses.some((a) => sameAddr(a.prefix.addr, p.addr))),
  );
  if (mine === undefined) return undefined;
  return [...bridgeNames(patient)].find(([, n]) => n.id === mine.network.id)?.[0];
}

function endpointsOf(patient: Patient, container: string): { network: Network; endpoint: Endpoint }[] {
  const intent = patient.expected?.intent;
  const sandbox = intent?.sandboxes.find((s) => s.name === container);
  return (sandbox?.endpoints ?? []).flatMap((endpoint) => {
    const network = intent?.networks.find((n) => n.id === endpoint.network);
    return network === undefined ? [] : [{ network, endpoint }];
  });
}

function isContainerAddress(patient: Patient, dst: Prefix): boolean {
  return (patient.expected?.intent.sandboxes ?? []).some((s) =>
    s.endpoints.some((e) => e.addresses.some((p) => sameAddr(p.addr, dst.addr))),
  );
}
