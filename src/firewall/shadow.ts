/**
 * Shadowed rules: planned ones that no packet reaches, because a rule above, which the plan does not know, takes all of them.
 * In: a planned and an observed chain. Out: the shadowed rules with what is above. Only the chain itself is looked at: what a jump
 * above leads to is a matter of walking packets.
 */
import { containsPrefix, type Prefix } from '../net/prefix.ts';
import { alignChains, iptablesRules } from './align.ts';
import { commute } from './commute.ts';
import type { ModuleMatch, Negatable, Rule } from './ruleset.ts';

export interface Shadowed {
  /** As planned. */
  readonly rule: Rule;
  /** 1-based, in the observed chain. */
  readonly position: number;
  /** The first rule above that takes all of its packets, and does something else with them. */
  readonly by: Rule;
}

/** Planned rules of a chain that cannot do what they are for. */
export function shadowedRules(planned: readonly Rule[], observed: readonly Rule[]): readonly Shadowed[] {
  const { pairs, extra } = alignChains(planned, observed, iptablesRules);
  const terminal = extra.filter((place) => isTerminal(observed[place]));
  if (terminal.length === 0) return [];
  return pairs.flatMap(({ planned: own, observed: place }): readonly Shadowed[] => {
    const rule = planned[own];
    if (rule === undefined) return [];
    const by = terminal
      .filter((above) => above < place)
      .flatMap((above) => observed[above] ?? [])
      .find((above) => takesAllOf(above, rule) && !commute(above, rule));
    return by === undefined ? [] : [{ rule, position: place + 1, by }];
  });
}

/** Targets after which no further rule of the chain is asked. */
const terminalTargets = new Set([
  'ACCEPT',
  'DROP',
  'REJECT',
  'RETURN',
  'QUEUE',
  'NFQUEUE',
  'MASQUERADE',
  'SNAT',
  'DNAT',
  'NETMAP',
  'REDIRECT',
]);

function isTerminal(rule: Rule | undefined): boolean {
  return rule?.target !== undefined && terminalTargets.has(rule.target.name);
}

/** Whether every packet that `rule` matches is matched by `above`; false where it is not sure. */
export function takesAllOf(above: Rule, rule: Rule): boolean {
  return (
    isWider(above.inInterface, rule.inInterface) &&
    isWider(above.outInterface, rule.outInterface) &&
    isWider(above.protocol, rule.protocol) &&
    containsAll(above.source, rule.source) &&
    containsAll(above.destination, rule.destination) &&
    (above.fragment === undefined || rule.fragment?.not === above.fragment.not) &&
    above.matches.every((match) => rule.matches.some((other) => sameMatch(match, other)))
  );
}

function isWider(wide: Negatable<string> | undefined, narrow: Negatable<string> | undefined): boolean {
  if (wide === undefined || (!wide.not && (wide.value === '+' || wide.value === 'all'))) return true;
  return narrow !== undefined && wide.not === narrow.not && wide.value === narrow.value;
}

function containsAll(
  wide: Negatable<Prefix | string> | undefined,
  narrow: Negatable<Prefix | string> | undefined,
): boolean {
  if (wide === undefined) return true;
  if (narrow === undefined || wide.not !== narrow.not) return false;
  if (typeof wide.value === 'string' || typeof narrow.value === 'string') return wide.value === narrow.value;
  return wide.not ? containsPrefix(narrow.value, wide.value) : containsPrefix(wide.value, narrow.value);
}

function sameMatch(a: ModuleMatch, b: ModuleMatch): boolean {
  const text = ({ module, options }: ModuleMatch) =>
    JSON.stringify([module, options.map(({ not, name, values }) => [not, name, values])]);
  return text(a) === text(b);
}
