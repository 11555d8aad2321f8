/**
 * Meetings: the rules and policies that a walk met, with the packet as it was there. In: a walk and the host it went over. Out: one
 * meeting a hit, request before reply. It judges nothing.
 */
import type { HostState } from '../../host/state.ts';
import type { Header, Hop, RuleHit, Trace } from '../../packet/trace.ts';

/** One packet at one rule. */
export interface Meeting {
  readonly namespace: string;
  readonly hit: RuleHit;
  /** The header at that point, after what was translated before. */
  readonly header: Header | undefined;
  /** The device that it came by, of a bridge's port the bridge; undefined for what the namespace itself sent. */
  readonly inDevice: string | undefined;
  /** On the way back. */
  readonly isReply: boolean;
}

/** Every rule and policy that a walk met, in order. */
export function meetingsOf({ hops, reply }: Trace, state: HostState): readonly Meeting[] {
  return [
    ...hops.flatMap((hop) => meetingsOfHop(hop, state, false)),
    ...reply.flatMap((hop) => meetingsOfHop(hop, state, true)),
  ];
}

function meetingsOfHop({ namespace, steps }: Hop, state: HostState, isReply: boolean): readonly Meeting[] {
  const links = state.namespaces.find(({ name }) => name === namespace)?.links;
  const meetings: Meeting[] = [];
  let header: Header | undefined;
  let inDevice: string | undefined;
  const meet = (hit: RuleHit) => meetings.push({ namespace, hit, header, inDevice, isReply });
  for (const step of steps) {
    switch (step.kind) {
      case 'send':
        header = step.header;
        inDevice = undefined;
        break;
      case 'receive':
        header = step.header;
        inDevice = links?.find(({ name }) => name === step.dev)?.master ?? step.dev;
        break;
      case 'nat':
        header = step.after;
        break;
      case 'hook':
        for (const hit of step.rules) meet(hit);
        break;
      case 'drop':
        if (step.rule !== undefined) meet(step.rule);
        break;
      default:
    }
  }
  return meetings;
}
