/**
 * What networks keep from each other by design, where no change of the host would show it: names of other networks, ports published
 * for the outside, networks without IPv4. In: the case. Out: information.
 */
import { endpointsOf } from '../../drift/networks.ts';
import type { Sandbox } from '../../intent/intent.ts';
import { sameAddr } from '../../net/addr.ts';
import type { Trace } from '../../packet/trace.ts';
import { deathStep } from '../death.ts';
import { holderOfPort } from '../receiver.ts';
import { shellLine } from '../shell.ts';
import type { Case, Detector, Suspicion } from './case.ts';

/** A container that asks for another by name or by a published port, though they have no network in common. */
export const separateNetworks: Detector = (patient) => {
  const pairs = new Map<
    string,
    { readonly asker: Sandbox; readonly peer: Sandbox; readonly failing: Trace[] }
  >();
  for (const trace of patient.unhealed) {
    const asker = runningOf(patient).find((s) => s.name === trace.flow.from);
    const peer =
      asker === undefined ? undefined : (namedBy(patient, asker, trace) ?? publisherOf(patient, trace));
    if (asker === undefined || peer === undefined || peer === asker || meet(asker, peer)) continue;
    const key = `${asker.name} ${peer.name}`;
    const pair = pairs.get(key) ?? { asker, peer, failing: [] };
    pair.failing.push(trace);
    pairs.set(key, pair);
  }
  return [...pairs.values()].map(({ asker, peer, failing }): Suspicion => {
    const networks = (sandbox: Sandbox) =>
      endpointsOf(patient, sandbox.name)
        .map((e) => e.network.name)
        .join(', ');
    const [theirs] = endpointsOf(patient, peer.name);
    const command = shellLine(['docker', 'network', 'connect', theirs?.network.name ?? '', asker.name]);
    return {
      cause: 'networks-isolated',
      severity: 'info',
      params: {
        container: asker.name,
        peer: peer.name,
        own: networks(asker),
        network: networks(peer),
      },
      failing,
      hop: asker.name,
      evidence: [asker, peer].map((sandbox) => ({
        file: 'docker-container-inspect.json',
        text: `${sandbox.name}: networks ${networks(sandbox)}`,
      })),
      repairs: [{ kind: 'command', change: command }],
    };
  });
};

function runningOf({ expected }: Case): readonly Sandbox[] {
  return (expected?.intent.sandboxes ?? []).filter((s) => s.running);
}

function meet(a: Sandbox, b: Sandbox): boolean {
  return a.endpoints.some((e) => b.endpoints.some((other) => other.network === e.network));
}

/** The container that a question for a name means: names hold on networks that somebody made, not on the default one. */
function namedBy(patient: Case, asker: Sandbox, { flow }: Trace): Sandbox | undefined {
  if (flow.kind !== 'dns') return undefined;
  const name = (flow.qname ?? '').replace(/\.$/, '').toLowerCase();
  return runningOf(patient).find(
    (s) =>
      s !== asker &&
      endpointsOf(patient, s.name).some(
        ({ network, endpoint }) =>
          network.name !== 'bridge' && (endpoint.names ?? []).some((n) => n.toLowerCase() === name),
      ),
  );
}

/** The container behind a published port of the host that one of Docker's rules keeps another container from. */
function publisherOf({ state, expected }: Case, trace: Trace): Sandbox | undefined {
  const { flow } = trace;
  if (expected === undefined || flow.dst === undefined) return undefined;
  return deathStep(trace)?.step.rule === undefined
    ? undefined
    : holderOfPort(state, expected, flow, flow.dst);
}

/** Since 28.0 a network may be made without IPv4. */
export const networksWithoutIpv4: Detector = (patient) =>
  (patient.expected?.intent.networks ?? []).flatMap((network): Suspicion[] => {
    const members = runningOf(patient).filter((s) => s.endpoints.some((e) => e.network === network.id));
    const names = members.map((s) => s.name);
    if (network.ipv4 || network.driver !== 'bridge' || members.length === 0) return [];
    return [
      {
        cause: 'ipv4-disabled-on-network',
        severity: 'info',
        params: { network: network.name, containers: names.join(', ') },
        failing: patient.unhealed.filter(
          ({ flow }) => names.includes(flow.from) && flow.dst?.family === 'ipv4',
        ),
        hop: network.name,
        evidence: [{ file: 'docker-network-inspect.json', text: `${network.name}: "EnableIPv4": false` }],
        repairs: [{ kind: 'config', change: `recreate the network ${network.name} without --ipv4=false` }],
      },
    ];
  });

/** Container ports that were asked to be published, and that the engine maps nowhere: its way out is a network that publishes none. */
export const unmappedPorts: Detector = (patient) =>
  runningOf(patient).flatMap((sandbox): Suspicion[] => {
    const own = endpointsOf(patient, sandbox.name);
    const mapped = sandbox.endpoints.flatMap((e) => e.ports.map((p) => `${p.containerPort}/${p.protocol}`));
    const missing = (sandbox.publishes ?? []).filter((port) => !mapped.includes(port));
    const ns = patient.state.namespaces.find((n) => n.name === sandbox.name);
    const dev = ns?.routes.find((r) => r.family === 'ipv4' && r.dst.bits === 0)?.dev;
    const link = ns?.links.find((l) => l.name === dev);
    const through = own.find(({ endpoint }) =>
      endpoint.addresses.some((p) => link?.addresses.some((a) => sameAddr(a.prefix.addr, p.addr))),
    );
    const other = own.find(({ network }) => network.driver === 'bridge' && !network.internal);
    if (missing.length === 0 || sandbox.mode.kind !== 'own') return [];
    if (through === undefined || other === undefined || through.network.driver === 'bridge') return [];
    return [
      {
        cause: 'gateway-on-other-network',
        severity: 'warning',
        params: {
          container: sandbox.name,
          through: through.network.name,
          wanted: other.network.name,
          ports: missing.join(', '),
        },
        hop: sandbox.name,
        evidence: [
          {
            file: 'docker-container-inspect.json',
            text: `${sandbox.name}: HostConfig.PortBindings has ${missing.join(', ')}, NetworkSettings.Ports has not`,
          },
        ],
        repairs: [
          {
            kind: 'config',
            change: `connect ${sandbox.name} to the network ${other.network.name} with --gw-priority 1`,
          },
        ],
      },
    ];
  });
