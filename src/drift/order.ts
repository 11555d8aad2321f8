/**
 * Which order of an engine's rules is planned, and which is chance. In: what is expected of a host. Out: how its rules are compared.
 * An engine that restarts restores its networks in the order of a Go map, and one that restores live (until 27.3) puts DOCKER-USER below
 * the isolation chain: without its log nobody knows which order it made.
 */
import { iptablesRules, type RuleKind } from '../firewall/align.ts';
import type { Rule } from '../firewall/ruleset.ts';
import type { PlannedHost } from './networks.ts';

/** The kind of rules by which chains of this host are compared. */
export function plannedOrder({ expected }: PlannedHost): RuleKind<Rule> {
  return expected.orderKnown ? iptablesRules : ofAnyHistory;
}

const ofAnyHistory: RuleKind<Rule> = {
  key: iptablesRules.key,
  commute: (a, b) => iptablesRules.commute(a, b) || areOfOtherNetworks(a, b) || areTopJumps(a, b),
};

/** Every rule of a network that has a place among others names its bridge. */
function areOfOtherNetworks(a: Rule, b: Rule): boolean {
  const [left, right] = [devicesOf(a), devicesOf(b)];
  return left.length > 0 && right.length > 0 && !left.some((device) => right.includes(device));
}

function devicesOf({ inInterface, outInterface }: Rule): readonly string[] {
  return [inInterface, outInterface].flatMap((device) => device?.value ?? []);
}

function areTopJumps(a: Rule, b: Rule): boolean {
  const names = [a, b].map(({ target }) => target?.name ?? '');
  return names.includes('DOCKER-USER') && names.some((name) => name.startsWith('DOCKER-ISOLATION'));
}
