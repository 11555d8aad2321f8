/**
 * Policy rules, from `ip -j rule` and `ip -6 -j rule`. In: the parsed JSON of one family's listing.
 * Out: PolicyRule[] in the order listed. A selector that is not modelled is named, never dropped.
 */
import { z } from 'zod';
import type { Family } from '../net/addr.ts';
import { type Prefix, parsePrefixOrAddr } from '../net/prefix.ts';
import type { FactProblem, Parsed } from './facts.ts';
import { elements } from './json.ts';
import type { PolicyRule } from './state.ts';

/** iproute2 prints flags such as `not` as a key with the value null. */
const ruleSchema = z.looseObject({
  priority: z.int().nonnegative(),
  not: z.null().optional(),
  src: z.string().optional(),
  srclen: z.int().optional(),
  dst: z.string().optional(),
  dstlen: z.int().optional(),
  fwmark: z.string().optional(),
  fwmask: z.string().optional(),
  iif: z.string().optional(),
  oif: z.string().optional(),
  table: z.union([z.string(), z.number()]).optional(),
  action: z.string().optional(),
  goto: z.union([z.int(), z.string()]).optional(),
  nop: z.null().optional(),
  suppress_prefixlen: z.int().optional(),
});
type RuleJson = z.infer<typeof ruleSchema>;

/** Keys that say nothing about which packets a rule selects, besides those of the schema. */
const neutralKeys = new Set([
  ...Object.keys(ruleSchema.shape),
  'iif_detached',
  'oif_detached',
  'unresolved',
  'protocol',
]);

/** Rules of one listing; `family` is the listing's, an address in a rule may say otherwise. */
export function parsePolicyRules(
  value: unknown,
  family: Family,
  file: string,
): Parsed<readonly PolicyRule[]> {
  const listed = elements(value, ruleSchema, file);
  const rules: PolicyRule[] = [];
  const problems: FactProblem[] = [...listed.problems];
  for (const json of listed.value) {
    const rule = policyRule(json, family);
    if (rule === undefined) problems.push({ file, message: `rule ${json.priority} is not understood` });
    else rules.push(rule);
  }
  return { value: rules, problems };
}

function policyRule(json: RuleJson, listed: Family): PolicyRule | undefined {
  const from = selector(json.src, json.srclen);
  const to = selector(json.dst, json.dstlen);
  const mark = markOf(json);
  if (from === 'bad' || to === 'bad' || mark === 'bad') return undefined;
  const unknownSelectors = Object.keys(json).filter((key) => !neutralKeys.has(key));
  const base = {
    family: from?.addr.family ?? to?.addr.family ?? listed,
    priority: json.priority,
    not: json.not !== undefined,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(mark === undefined ? {} : { mark }),
    ...(json.iif === undefined ? {} : { inInterface: json.iif }),
    ...(json.oif === undefined ? {} : { outInterface: json.oif }),
    ...(json.suppress_prefixlen === undefined ? {} : { suppressPrefixLength: json.suppress_prefixlen }),
    unknownSelectors,
  };
  if (json.goto !== undefined) return { ...base, action: 'goto', ...targetOf(json.goto) };
  if (json.nop !== undefined) return { ...base, action: 'nop' };
  const action = refusals.find((a) => a === json.action);
  if (action !== undefined) return { ...base, action };
  if (json.action !== undefined)
    return { ...base, action: 'nop', unknownSelectors: [...unknownSelectors, json.action] };
  // `l3mdev` looks in the table of the packet's VRF: no table is named, and the selector is reported as unknown.
  return { ...base, action: 'lookup', ...(json.table === undefined ? {} : { table: String(json.table) }) };
}

const refusals = ['blackhole', 'unreachable', 'prohibit'] as const;

/** `goto none`: the target rule does not exist; the kernel goes on with the next rule. */
function targetOf(goto: number | string): { readonly goto?: number } {
  return typeof goto === 'number' ? { goto } : {};
}

function selector(address: string | undefined, length: number | undefined): Prefix | 'bad' | undefined {
  if (address === undefined || address === 'all') return undefined;
  return parsePrefixOrAddr(length === undefined ? address : `${address}/${length}`) ?? 'bad';
}

function markOf(json: RuleJson): { readonly value: number; readonly mask: number } | 'bad' | undefined {
  if (json.fwmark === undefined) return undefined;
  const value = Number(json.fwmark);
  const mask = json.fwmask === undefined ? 0xffffffff : Number(json.fwmask);
  return Number.isInteger(value) && Number.isInteger(mask) ? { value, mask } : 'bad';
}
