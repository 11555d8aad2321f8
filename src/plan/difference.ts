/**
 * The difference of two plans, as text values: what a changed setting takes away and brings.
 * In: two plans. Out: one entry per rule, policy, link, route, sysctl, proxy ... that only one of them has.
 * Order alone is no difference here.
 */
import { formatRule } from '../firewall/args.ts';
import { chainText, formatElement, formatNftRule, setTypeText, setWord } from '../firewall/nft/format.ts';
import { type NftRuleset, tableText } from '../firewall/nft/model.ts';
import type { Ruleset } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';
import type { Reason } from '../net/reason.ts';
import { linkText, proxyText, routeText } from './part-text.ts';
import type { Plan } from './plan.ts';

export interface PlanPart {
  readonly kind:
    | 'table'
    | 'chain'
    | 'policy'
    | 'set'
    | 'element'
    | 'rule'
    | 'link'
    | 'route'
    | 'sysctl'
    | 'proxy';
  /** The firewall table, for what is in one. */
  readonly table?: string;
  /** Of that table. */
  readonly family?: Family;
  /** The table is a native one of nftables; else it is of iptables. */
  readonly backend?: 'nftables';
  /** As iptables-save, `nft add`, ip, sysctl or a command line would show it. */
  readonly text: string;
  readonly reason?: Reason;
}

export interface PlanDifference {
  readonly removed: readonly PlanPart[];
  readonly added: readonly PlanPart[];
}

/** What `after` lacks and what it has besides, in the order of each plan. */
export function differenceOfPlans(before: Plan, after: Plan): PlanDifference {
  const left = planParts(before);
  const right = planParts(after);
  return { removed: without(left, right), added: without(right, left) };
}

function without(parts: readonly PlanPart[], others: readonly PlanPart[]): readonly PlanPart[] {
  const key = ({ kind, family, table, text }: PlanPart) => `${kind} ${family} ${table} ${text}`;
  const known = new Set(others.map(key));
  return parts.filter((part) => !known.has(key(part)));
}

/** Everything in a plan; of policies only DROP, since ACCEPT is what every built-in chain has by itself. */
export function planParts(plan: Plan): readonly PlanPart[] {
  return [...firewallParts(plan.ruleset), ...nativeParts(plan.nft), ...otherParts(plan)];
}

function otherParts(plan: Plan): readonly PlanPart[] {
  return [
    ...plan.links.map((link) => part('link', linkText(link), link.reason)),
    ...plan.routes.map((route) => part('route', routeText(route), route.reason)),
    ...[...plan.sysctls].map(([name, { value, reason }]) => part('sysctl', `${name} = ${value}`, reason)),
    ...plan.proxies.map((proxy) => part('proxy', proxyText(proxy), proxy.reason)),
  ];
}

function part(kind: PlanPart['kind'], text: string, reason: Reason | undefined): PlanPart {
  return reason === undefined ? { kind, text } : { kind, text, reason };
}

function firewallParts(ruleset: Ruleset): readonly PlanPart[] {
  return ruleset.tables.flatMap(({ family, name: table, chains }) =>
    chains.flatMap((chain): readonly PlanPart[] => {
      const rules = chain.rules.map((rule) =>
        part('rule', `-A ${chain.name} ${formatRule(rule)}`, rule.reason),
      );
      const itself =
        chain.policy === undefined
          ? [part('chain', `-N ${chain.name}`, chain.reason)]
          : chain.policy === 'DROP'
            ? [part('policy', `-P ${chain.name} DROP`, chain.reason)]
            : [];
      return [...itself, ...rules].map((entry) => ({ ...entry, table, family }));
    }),
  );
}

function nativeParts(ruleset: NftRuleset): readonly PlanPart[] {
  return ruleset.tables.flatMap((table): readonly PlanPart[] => {
    const place = tableText(table);
    const parts = [
      part('table', `table ${place}`, table.reason),
      ...table.sets.flatMap((set) => [
        part('set', `${setWord(set)} ${place} ${set.name} { ${setTypeText(set)}; }`, set.reason),
        ...set.elements.map((element) =>
          part('element', `element ${place} ${set.name} { ${formatElement(element, set)} }`, element.reason),
        ),
      ]),
      ...table.chains.flatMap((chain) => [
        part('chain', `chain ${place} ${chainText(chain)}`, chain.reason),
        ...chain.rules.map((rule) =>
          part('rule', `rule ${place} ${chain.name} ${formatNftRule(rule)}`, rule.reason),
        ),
      ]),
    ];
    const family = table.family === 'ip6' ? 'ipv6' : 'ipv4';
    return parts.map((entry) => ({ ...entry, table: table.name, family, backend: 'nftables' }));
  });
}
