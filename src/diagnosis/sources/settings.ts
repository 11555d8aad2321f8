/**
 * Candidates from settings: each daemon option and network option that is not at its default, put back there.
 * In: what is expected of the host. Out: candidates whose change is the difference between the plan and what a transition makes
 * of it, on the observed host. Which setting matters is found by trying, not by knowing.
 */

import { startProxies } from '../../drift/proxies.ts';
import { mergeRulesets } from '../../firewall/merge.ts';
import { mergeNft } from '../../firewall/nft/merge.ts';
import { printNft } from '../../firewall/nft/print.ts';
import { printSave } from '../../firewall/save.ts';
import { defaultRoute, type StateChange } from '../../host/change.ts';
import type { HostState } from '../../host/state.ts';
import type { Intent, Network } from '../../intent/intent.ts';
import { gatewayOf } from '../../intent/ipam.ts';
import { type Addr, type Family, formatAddr, isLoopback, isUnspecified, sameAddr } from '../../net/addr.ts';
import type { Expected } from '../../plan/expected.ts';
import type { Plan, PlannedProxy } from '../../plan/plan.ts';
import { type Candidate, firewallOrigin, type Patient } from '../candidate.ts';
import { meaningOf } from '../causes.ts';
import { settingEvidence } from '../evidence.ts';
import { type Flip, ip6tablesFlips, jointFlips, notInForceFlips, optionFlips } from './option-flips.ts';

/** Candidates for every setting that is not at its default and whose default would change the plan. */
export function settingCandidates(patient: Patient): Candidate[] {
  const { expected, state } = patient;
  if (expected === undefined) return [];
  const host = state.namespaces.find((n) => n.kind === 'host');
  const flips = [
    ...notInForceFlips(expected),
    ...optionFlips(expected),
    ...jointFlips(expected),
    ...ip6tablesFlips(expected),
    ...networkFlips(expected, state),
    ...bindingFlips(expected),
  ];
  return flips.flatMap((flip): Candidate[] => {
    const meaning = flip.meaning ?? meaningOf(flip.setting);
    const changes = [...planDifference(state, expected.plan, flip.plan), ...(flip.more ?? [])];
    if (meaning === undefined || changes.length === 0) return [];
    const settings = [flip.because, ...(flip.also ?? [])];
    const because = [...settings, ...(flip.against === undefined ? [] : [flip.against])];
    return [
      {
        key: `setting ${flip.setting} ${flip.network ?? ''} ${(flip.also ?? []).map((b) => b.setting).join(' ')}`,
        cause: meaning.cause,
        restriction: meaning.restriction,
        params: {
          setting: flip.setting,
          value: String(flip.because.value),
          ...flip.params,
          ...(flip.network === undefined ? {} : { network: flip.network }),
        },
        changes,
        cost: 2 * settings.length,
        because,
        evidence: because.flatMap((b) => settingEvidence(b.origin, patient)),
        repairs: [{ kind: 'config', change: flip.repair, transition: flip.transition } as const],
        // Without rules of the engine the host's own firewall decides alone: what it denies by default is part of that.
        ...(meaning.cause === 'iptables-disabled' && host !== undefined
          ? { origin: firewallOrigin(host, 'default') }
          : {}),
      },
    ];
  });
}

/** Ports published on one address: what it would be on all. */
function bindingFlips(expected: Expected): Flip[] {
  const { intent } = expected;
  return intent.sandboxes.flatMap((sandbox) => {
    const bound = sandbox.endpoints.flatMap((e) => e.ports.filter((p) => isSpecific(p.hostAddress)));
    const first = bound[0];
    if (first?.hostAddress === undefined) return [];
    const endpoints = sandbox.endpoints.map((e) => ({
      ...e,
      ports: e.ports.map(({ hostAddress, ...port }) =>
        isSpecific(hostAddress) ? port : { ...port, ...(hostAddress === undefined ? {} : { hostAddress }) },
      ),
    }));
    const changed = {
      ...intent,
      sandboxes: intent.sandboxes.map((s) => (s === sandbox ? { ...s, endpoints } : s)),
    };
    const address = formatAddr(first.hostAddress);
    const cause = isLoopback(first.hostAddress) ? 'published-on-loopback' : 'published-on-one-address';
    const value = `${address}:${first.hostPort}:${first.containerPort}/${first.protocol}`;
    return [
      {
        setting: 'publish',
        meaning: { cause, restriction: true } as const,
        because: {
          setting: 'publish',
          value,
          origin: { kind: 'container', container: sandbox.name },
        } as const,
        plan: expected.replan(changed),
        transition: 'recreate' as const,
        repair: `recreate ${sandbox.name} with -p ${first.hostPort}:${first.containerPort} in place of -p ${value}`,
        network: sandbox.name,
      },
    ];
  });
}

function isSpecific(addr: Addr | undefined): boolean {
  return addr !== undefined && addr.family === 'ipv4' && !isUnspecified(addr);
}

function networkFlips(expected: Expected, state: HostState): Flip[] {
  const { intent } = expected;
  return intent.networks.flatMap((network) => {
    if (network.driver !== 'bridge') return [];
    const flip = (setting: string, value: string | boolean, changed: Network, repair: string): Flip => ({
      setting,
      because: { setting, value, origin: { kind: 'network', network: network.name, option: setting } },
      plan: expected.replan(replaceNetwork(intent, changed)),
      transition: 'recreate',
      repair,
      network: network.name,
      more: gatewayRoutes(state, intent, changed),
    });
    // Others are no cause of anything, and each costs a plan.
    const meant = Object.entries(network.options).filter(([option, value]) => {
      const meaning = meaningOf(option);
      return meaning !== undefined && meaning.default !== value;
    });
    const own = meant.map(([option, value]) => {
      const { [option]: _, ...rest } = network.options;
      const repair = `recreate the network ${network.name} without -o ${option}=${value}`;
      return flip(option, value, { ...network, options: rest }, repair);
    });
    if (!network.internal) return own;
    const open = { ...network, internal: false };
    return [
      ...own,
      flip(
        'internal',
        true,
        open,
        `recreate the network ${network.name} without --internal, or attach a second network`,
      ),
    ];
  });
}

function replaceNetwork(intent: Intent, network: Network): Intent {
  return { ...intent, networks: intent.networks.map((n) => (n.id === network.id ? network : n)) };
}

/** What changes on the host when the engine works by another plan: rules, sysctls, bridge addresses, proxies. */
export function planDifference(state: HostState, from: Plan, to: Plan): StateChange[] {
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined) return [];
  const changes: StateChange[] = [];
  const differs = (family: Family) =>
    printSave(from.ruleset, { family }) !== printSave(to.ruleset, { family });
  if (differs('ipv4') || differs('ipv6')) {
    const merged = mergeRulesets(host.firewall, from.ruleset, to.ruleset);
    changes.push({ namespace: host.name, kind: 'ruleset', from: host.firewall, to: merged });
  }
  if (host.nft !== undefined && printNft(from.nft.tables) !== printNft(to.nft.tables)) {
    const merged = mergeNft(host.nft, from.nft, to.nft);
    changes.push({ namespace: host.name, kind: 'nft', from: host.nft, to: merged });
  }
  for (const [name, wanted] of to.sysctls) {
    const now = host.sysctls.get(name)?.value;
    if (from.sysctls.get(name)?.value === wanted.value || now === wanted.value) continue;
    changes.push({ namespace: host.name, kind: 'sysctl', name, value: wanted.value, before: now });
  }
  for (const link of to.links) {
    const before = from.links.find((l) => l.name === link.name)?.addresses ?? [];
    for (const { prefix } of link.addresses) {
      if (before.some((a) => sameAddr(a.prefix.addr, prefix.addr))) continue;
      changes.push({ namespace: host.name, kind: 'add-address', dev: link.name, prefix });
    }
  }
  const started = to.proxies.filter((p) => !from.proxies.some((o) => sameProxy(o, p)));
  return [...changes, ...startProxies(host, started)];
}

function sameProxy(a: PlannedProxy, b: PlannedProxy): boolean {
  return a.protocol === b.protocol && a.hostPort === b.hostPort && a.hostAddress === b.hostAddress;
}

/** Containers of a network that had no gateway get their default route with one. */
function gatewayRoutes(state: HostState, intent: Intent, network: Network): StateChange[] {
  return intent.sandboxes.flatMap((sandbox) => {
    const ns = state.namespaces.find((n) => n.name === sandbox.name);
    if (ns === undefined || ns.routes.some((r) => r.family === 'ipv4' && r.dst.bits === 0)) return [];
    return sandbox.endpoints.flatMap((endpoint): StateChange[] => {
      const config = network.ipam.find((c) => c.subnet.addr.family === 'ipv4');
      const gateway = config === undefined ? undefined : gatewayOf(config);
      const link = ns.links.find((l) =>
        endpoint.addresses.some((p) => l.addresses.some((a) => sameAddr(a.prefix.addr, p.addr))),
      );
      if (endpoint.network !== network.id || gateway === undefined || link === undefined) return [];
      return [{ namespace: ns.name, kind: 'add-route', route: defaultRoute(link.name, gateway) }];
    });
  });
}
