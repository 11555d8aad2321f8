/**
 * What the engine makes of a container's end and of its bridge port, beside the pair itself. In: addresses and settings. Out: changes and
 * port flags, for hosts that are made anew in memory.
 */
import { defaultRoute, type StateChange } from '../host/change.ts';
import type { BridgePort } from '../host/state.ts';
import type { Addr } from '../net/addr.ts';
import type { Prefix } from '../net/prefix.ts';

/** Addresses of an end besides the first, each with a default route by its family's gateway, where there is one. */
export function furtherAddresses(
  { namespace, dev }: { readonly namespace: string; readonly dev: string },
  prefixes: readonly Prefix[],
  gatewayFor: (prefix: Prefix) => Addr | undefined,
): readonly StateChange[] {
  return prefixes.flatMap((prefix): StateChange[] => {
    const gateway = gatewayFor(prefix);
    return [
      { namespace, dev, kind: 'add-address', prefix },
      ...(gateway === undefined
        ? []
        : [{ namespace, kind: 'add-route', route: defaultRoute(dev, gateway) } as const]),
    ];
  });
}

/** A bridge port as the engine leaves it: with hairpin where no userland proxy serves a container's own ports. */
export function enginePort(hairpin: boolean): BridgePort {
  return {
    state: 'forwarding',
    hairpin,
    isolated: false,
    learning: true,
    flood: true,
    broadcastFlood: true,
  };
}
