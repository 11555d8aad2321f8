/**
 * Script: what a generation is given to write its steps from.
 * In: made by `plan.ts` from Options and Intent. Out: read by `g1.ts`, `g9.ts` and `kernel-state.ts`.
 * Also the small questions that all of them ask; no rule is written here.
 */
import type { PortBinding } from '../../intent/intent.ts';
import { type Addr, formatAddr, type Ipv4Addr, isUnspecified } from '../../net/addr.ts';
import type { Because } from '../../net/reason.ts';
import type { OptionName, Options } from '../../options/options.ts';
import { becauseOption } from './choices.ts';
import type { BridgeEndpoint, BridgeNetwork } from './network.ts';

export interface Script {
  readonly options: Options;
  readonly networks: readonly BridgeNetwork[];
  readonly endpoints: readonly BridgeEndpoint[];
  /** net.ipv4.ip_forward before the engine started; undefined counts as off, as on a fresh host. */
  readonly forwardingBefore: boolean | undefined;
  /** Networks of the drivers null and host that this start makes (none, host); DOCKER-USER is put first after each. */
  readonly predefinedMade: number;
}

/** One published port with an IPv4 side. */
export interface PublishedPort {
  readonly endpoint: BridgeEndpoint;
  readonly binding: PortBinding;
  readonly containerAddress: Ipv4Addr;
  readonly hostAddress: Ipv4Addr;
  readonly because: Because;
  /** What gave the host address: the request, or the network's default binding. */
  readonly addressBecause: Because;
}

export function because(script: Script, name: OptionName): Because {
  return becauseOption(script.options, name);
}

/** Whether the engine makes IPv4 rules at all. */
export function usesIptables(script: Script): boolean {
  return script.options.settings.iptables.value;
}

/** Hairpin NAT in place of docker-proxy: libnetwork's "hairpin mode". */
export function isHairpin(script: Script): boolean {
  return !script.options.settings['userland-proxy'].value;
}

/** Whether this start turns forwarding on; then FORWARD's policy follows. */
export function turnsForwardingOn(script: Script): boolean {
  return script.options.settings['ip-forward'].value && script.forwardingBefore !== true;
}

/** Endpoints that came back from the store, in its order: that of their ids. */
export function restoredEndpoints(script: Script): readonly BridgeEndpoint[] {
  return script.endpoints
    .filter(({ sandbox }) => sandbox.restored === true)
    .sort((a, b) => (a.endpoint.id < b.endpoint.id ? -1 : a.endpoint.id > b.endpoint.id ? 1 : 0));
}

/** Endpoints made since the engine started, in the order in which they were made. */
export function madeEndpoints(script: Script): readonly BridgeEndpoint[] {
  return script.endpoints.filter(({ sandbox }) => sandbox.restored !== true);
}

/** The IPv4 ports of an endpoint, in the order in which they are mapped. */
export function publishedPorts(endpoint: BridgeEndpoint): readonly PublishedPort[] {
  const { network, sandbox, address } = endpoint;
  if (address === undefined || network.internal.value) return [];
  return endpoint.endpoint.ports.flatMap((binding) => {
    const hostAddress = binding.hostAddress ?? network.hostBinding.value;
    if (hostAddress?.family !== 'ipv4') return [];
    const request: Because = {
      setting: 'publish',
      value: describeBinding(binding),
      origin: { kind: 'container', container: sandbox.name },
    };
    return [
      {
        endpoint,
        binding,
        containerAddress: address,
        hostAddress,
        because: request,
        addressBecause: binding.hostAddress === undefined ? network.hostBinding.because : request,
      },
    ];
  });
}

/** As `docker run -p` takes it: `127.0.0.1:8080:80/tcp`. */
export function describeBinding(binding: PortBinding): string {
  const host = binding.hostAddress === undefined ? '' : `${formatAddr(binding.hostAddress)}:`;
  return `${host}${binding.hostPort || ''}:${binding.containerPort}/${binding.protocol}`;
}

/** The container of an endpoint as a Because. */
export function becauseEndpoint({ sandbox }: BridgeEndpoint): Because {
  return { setting: 'endpoint', value: sandbox.name, origin: { kind: 'container', container: sandbox.name } };
}

/** The host address as a -d argument; iptables reads 0.0.0.0 as one host, `0/0` as any. */
export function destinationArgument(addr: Addr): string {
  return isUnspecified(addr) ? '0/0' : formatAddr(addr);
}
