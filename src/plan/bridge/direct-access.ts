/**
 * Direct access: packets from elsewhere that are addressed to the container itself are dropped before routing (since 28.2).
 * In: a Script, an endpoint and a family. Out: steps of the raw table.
 * Source: libnetwork drivers/bridge/internal/iptabler/endpoint.go of 28.2 to 29.7.
 */
import { type Family, formatAddr } from '../../net/addr.ts';
import type { Reason } from '../../net/reason.ts';
import type { BridgeEndpoint } from './network.ts';
import { rawForbidden } from './port-rules.ts';
import { because, becauseEndpoint, type Script } from './script.ts';
import { appendOrRemove, reason, type Step } from './steps.ts';

/** One drop per endpoint, below an accept for each trusted interface; where they are not wanted they are removed. */
export function guardEndpoint(script: Script, endpoint: BridgeEndpoint, family: Family): readonly Step[] {
  const { network, addresses } = endpoint;
  const address = addresses[family];
  const side = network.sides[family];
  if (address === undefined || side === undefined || network.internal.value) return [];
  const { gatewayMode, trustedInterfaces } = side;
  if (gatewayMode.value === 'nat-unprotected' || gatewayMode.value === 'routed') return [];
  const forbidden = rawForbidden(script);
  const allowed = script.options.settings['allow-direct-routing'].value;
  const decided = forbidden ?? because(script, 'allow-direct-routing');
  const container = becauseEndpoint(endpoint);
  const trust = reason(
    'let a trusted interface reach the container directly',
    trustedInterfaces.because,
    container,
  );
  const refuse = reason("keep other hosts from the container's own address", decided, container);
  const wanted = !allowed && forbidden === undefined;
  const rule = (why: Reason, ...args: readonly string[]) =>
    appendOrRemove(wanted, why, 'raw', 'PREROUTING', '-d', formatAddr(address), ...args);
  return [
    ...trustedInterfaces.value.map((name) => rule(trust, '-i', name, '-j', 'ACCEPT')),
    rule(refuse, '!', '-i', network.bridge, '-j', 'DROP'),
  ];
}
