/**
 * Whether two rules may change places without any packet noticing. In: two Rules. Out: a boolean, false where it is not sure.
 * They may if they end alike (two DROPs), or if no packet can match both.
 */
import { containsPrefix, overlaps, type Prefix } from '../net/prefix.ts';
import { parseRange } from './numbers.ts';
import type { Negatable, Rule } from './ruleset.ts';

/** True only where the order of the two decides nothing. */
export function commute(a: Rule, b: Rule): boolean {
  return a.target === undefined || b.target === undefined || endAlike(a, b) || areDisjoint(a, b);
}

/** Targets after which a packet's way through the chain is over, the same way for both rules. */
const ends = new Set(['ACCEPT', 'DROP', 'RETURN', 'REJECT', 'MASQUERADE', 'SNAT', 'DNAT', 'REDIRECT']);

function endAlike(a: Rule, b: Rule): boolean {
  const [left, right] = [a.target, b.target];
  if (left === undefined || right === undefined) return false;
  return (
    left.kind === 'jump' &&
    left.name === right.name &&
    ends.has(left.name) &&
    left.options.length === right.options.length &&
    left.options.every((option, index) => {
      const other = right.options[index];
      return other?.name === option.name && other.values.join(' ') === option.values.join(' ');
    })
  );
}

function areDisjoint(a: Rule, b: Rule): boolean {
  return (
    devicesDiffer(a.inInterface, b.inInterface) ||
    devicesDiffer(a.outInterface, b.outInterface) ||
    prefixesDiffer(a.source, b.source) ||
    prefixesDiffer(a.destination, b.destination) ||
    protocolsDiffer(a.protocol, b.protocol) ||
    portsDiffer(a, b)
  );
}

type Test<T> = Negatable<T> | undefined;

function devicesDiffer(a: Test<string>, b: Test<string>): boolean {
  if (a === undefined || b === undefined || a.value.endsWith('+') || b.value.endsWith('+')) return false;
  if (a.not && b.not) return false;
  return a.not || b.not ? a.value === b.value : a.value !== b.value;
}

function prefixesDiffer(a: Test<Prefix | string>, b: Test<Prefix | string>): boolean {
  if (a === undefined || b === undefined || (a.not && b.not)) return false;
  if (typeof a.value === 'string' || typeof b.value === 'string') return false;
  if (a.not) return containsPrefix(a.value, b.value);
  return b.not ? containsPrefix(b.value, a.value) : !overlaps(a.value, b.value);
}

function protocolsDiffer(a: Test<string>, b: Test<string>): boolean {
  if (a === undefined || b === undefined || a.not || b.not) return false;
  // A name and a number may mean the same.
  const isName = /^[a-z]/;
  return (
    a.value !== b.value &&
    a.value !== 'all' &&
    b.value !== 'all' &&
    isName.test(a.value) === isName.test(b.value)
  );
}

/** Destination ports of the same protocol without a common one. */
function portsDiffer(a: Rule, b: Rule): boolean {
  const [left, right] = [destinationPorts(a), destinationPorts(b)];
  return left !== undefined && right !== undefined && (left.to < right.from || right.to < left.from);
}

function destinationPorts(rule: Rule): { readonly from: number; readonly to: number } | undefined {
  for (const { options } of rule.matches) {
    const port = options.find(({ name, not }) => name === '--dport' && !not)?.values[0];
    if (port !== undefined) return parseRange(port);
  }
  return undefined;
}
