/**
 * Userland proxies of a plan as changes of a host. In: planned proxies. Out: changes that start or stop them.
 * A proxy cannot be started by hand in a useful way: the commands are the engine's.
 */
import type { StateChange } from '../host/change.ts';
import type { Namespace, PortProxy } from '../host/state.ts';
import { parseAddr } from '../net/addr.ts';
import type { PlannedProxy } from '../plan/plan.ts';

export function startProxies(host: Namespace, planned: readonly PlannedProxy[]): StateChange[] {
  return proxiesOf(planned).map((proxy) => ({ namespace: host.name, kind: 'start-proxy', proxy }));
}

export function stopProxies(host: Namespace, planned: readonly PlannedProxy[]): StateChange[] {
  return proxiesOf(planned).map((proxy) => ({ namespace: host.name, kind: 'stop-proxy', proxy }));
}

function proxiesOf(planned: readonly PlannedProxy[]): readonly PortProxy[] {
  return planned.flatMap((p) => {
    const hostAddress = parseAddr(p.hostAddress);
    const containerAddress = parseAddr(p.containerAddress);
    if (hostAddress === undefined || containerAddress === undefined) return [];
    const { protocol, hostPort, containerPort } = p;
    const proxy: PortProxy = {
      protocol,
      hostAddress,
      hostPort,
      containerAddress,
      containerPort,
      answersFromAskedAddress: true,
    };
    return [proxy];
  });
}
