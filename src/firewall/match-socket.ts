/**
 * What rules ask about the socket behind a packet: its owner, its control group, whether there is one (xt_owner.c, xt_cgroup.c,
 * xt_socket.c). In: a module. Out: a matcher. Which process has which socket is the PacketView's to know.
 */
import { allOptions, type Matcher } from './conditions.ts';
import { idTest } from './match-values.ts';
import type { UnknownTruth } from './packet-view.ts';
import type { ModuleMatch } from './ruleset.ts';

/** xt_owner: without a socket it matches only where every condition is inverted. */
export function ownerMatcher(match: ModuleMatch): Matcher {
  const allInverted = match.options.every((option) => option.not);
  const unknown: UnknownTruth = { unknown: 'user and group of the sending process', command: 'ss -tupne' };
  const withSocket = allOptions(match, ({ name, not, values: [text = ''] }) => {
    if (name === '--socket-exists') return () => !not;
    const test = idTest(text);
    if (test === undefined || (name !== '--uid-owner' && name !== '--gid-owner')) return undefined;
    return ({ owner }) => {
      if (owner === undefined || owner === 'none') return unknown;
      return test(name === '--uid-owner' ? owner.uid : owner.gid) !== not;
    };
  });
  return (view) =>
    view.owner === 'none' ? allInverted : view.owner === undefined ? unknown : withSocket(view);
}

/** Forwarded packets have no socket, and match whatever is asked; of others the group is not known. */
export function cgroupMatcher(): Matcher {
  const unknown: UnknownTruth = {
    unknown: 'control group of the sending process',
    command: 'ss -tupn --cgroup',
  };
  return ({ inDev, outDev }) => (inDev !== undefined && outDev !== undefined ? false : unknown);
}

/** Without `--nowildcard` a socket that is bound to no address does not count. */
export function socketMatcher({ options }: ModuleMatch): Matcher {
  const has = (name: string) => options.some((option) => option.name === name);
  const unknown: UnknownTruth = {
    unknown: 'whether a local socket owns the packet (-m socket)',
    command: 'ss -tuan',
  };
  return (view) => {
    const found = view.localSocket?.() ?? unknown;
    if (typeof found !== 'string') return found;
    const counts = found === 'bound' || (found === 'any' && has('--nowildcard'));
    // Whether it is a transparent one no listing says.
    return counts && has('--transparent') ? unknown : counts;
  };
}
