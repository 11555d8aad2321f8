/**
 * Script: what a generation is given to write its steps from.
 * In: made by `plan.ts` from Options and Intent. Out: read by the generations and by `kernel-state.ts`.
 * Also the small questions that all of them ask; no rule is written here. Ports are `ports.ts`'s subject.
 */
import { type Addr, type Family, formatAddr, isUnspecified } from '../../net/addr.ts';
import type { Because } from '../../net/reason.ts';
import type { OptionName, Options } from '../../options/options.ts';
import { isAtLeast } from '../../options/version.ts';
import { becauseOption } from './choices.ts';
import type { BridgeEndpoint, BridgeNetwork } from './network.ts';

export interface Script {
  readonly options: Options;
  readonly networks: readonly BridgeNetwork[];
  readonly endpoints: readonly BridgeEndpoint[];
  /** The default network of the run before, which comes back from the store and is deleted before its successor is made. */
  readonly deleted: BridgeNetwork | undefined;
  /** Forwarding (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding) before the engine started; undefined counts as off, as on a fresh host. */
  readonly forwardingBefore: Readonly<Record<Family, boolean | undefined>>;
  /** Networks of the drivers null and host that this start makes (none, host); DOCKER-USER is put first after each. */
  readonly predefinedMade: number;
  /** Programs of the host can listen on IPv6 addresses. */
  readonly listensOnIpv6: boolean;
  /** The host is a WSL2 guest with mirrored networking, which has a link loopback0 (moby, wsl2_linux.go). */
  readonly mirroredLoopback: boolean;
}

export function because(script: Script, name: OptionName): Because {
  return becauseOption(script.options, name);
}

/** Whether the engine makes rules of this family at all. */
export function usesTables(script: Script, family: Family): boolean {
  return script.options.settings[tablesOption(family)].value;
}

/** The families that the engine makes rules of, in its order. */
export function usedFamilies(script: Script): readonly Family[] {
  return (['ipv4', 'ipv6'] as const).filter((family) => usesTables(script, family));
}

export function becauseTables(script: Script, family: Family): Because {
  return because(script, tablesOption(family));
}

/** The engine itself as a Because: it does so whatever it is told. */
export function becauseEngine({ options }: Script): Because {
  return { setting: 'engine', value: options.engine, origin: { kind: 'default' } };
}

function tablesOption(family: Family): 'iptables' | 'ip6tables' {
  return family === 'ipv4' ? 'iptables' : 'ip6tables';
}

/** Hairpin NAT in place of docker-proxy: libnetwork's "hairpin mode". */
export function isHairpin(script: Script): boolean {
  return !script.options.settings['userland-proxy'].value;
}

/** Whether this start turns forwarding on, once it has a reason to; then FORWARD's policy may follow. */
export function turnsForwardingOn(script: Script, family: Family): boolean {
  return script.options.settings['ip-forward'].value && script.forwardingBefore[family] !== true;
}

/** The engine's version is this one or later: for details that changed within a generation. */
export function engineIsAtLeast(script: Script, version: string): boolean {
  return isAtLeast(script.options.engine, version);
}

export function restoredNetworks(script: Script): readonly BridgeNetwork[] {
  return script.networks.filter(({ restored }) => restored);
}

/** Networks made since the engine started. */
export function madeNetworks(script: Script): readonly BridgeNetwork[] {
  return script.networks.filter(({ restored }) => !restored);
}

/** Endpoints that came back from the store, in the order in which they did. */
export function restoredEndpoints(script: Script): readonly BridgeEndpoint[] {
  return script.endpoints
    .filter(({ sandbox }) => sandbox.restored === true)
    .sort(({ endpoint: a }, { endpoint: b }) => {
      const byId = a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
      return (a.restoredAt ?? 0) - (b.restoredAt ?? 0) || byId;
    });
}

/** Endpoints made since the engine started, in the order in which they were made. */
export function madeEndpoints(script: Script): readonly BridgeEndpoint[] {
  return script.endpoints.filter(({ sandbox }) => sandbox.restored !== true);
}

/** The container of an endpoint as a Because. */
export function becauseEndpoint({ sandbox }: BridgeEndpoint): Because {
  return { setting: 'endpoint', value: sandbox.name, origin: { kind: 'container', container: sandbox.name } };
}

/** The host address as a -d argument; iptables reads 0.0.0.0 as one host, `0/0` as any, ip6tables too. */
export function destinationArgument(addr: Addr): string {
  return isUnspecified(addr) ? '0/0' : formatAddr(addr);
}
