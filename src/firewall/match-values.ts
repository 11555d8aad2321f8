/**
 * Tests of single values that several match modules share: devices, ranges, addresses, three-valued negation.
 * In: an option's text. Out: a test, or undefined where the text is not understood. No packet is looked at here.
 */
import { type Addr, compareAddr, parseAddr } from '../net/addr.ts';
import { containsAddr, parsePrefixOrAddr } from '../net/prefix.ts';
import { parseRange } from './numbers.ts';
import type { Truth } from './packet-view.ts';

/** `!` in front of a condition; what is unknown stays so. */
export function negateIf(not: boolean, truth: Truth): Truth {
  return typeof truth === 'boolean' ? truth !== not : truth;
}

/** A device name, or a beginning of one with `+`. Where the hook has no device the name is empty (nulldevname in the kernel). */
export function deviceTest(pattern: string): (dev: string | undefined) => boolean {
  if (!pattern.endsWith('+')) return (dev) => dev === pattern;
  const beginning = pattern.slice(0, -1);
  return (dev) => (dev ?? '').startsWith(beginning);
}

/** `N` or `A:B`. */
export function rangeTest(text: string): ((value: number) => boolean) | undefined {
  const range = parseRange(text);
  if (range === undefined) return undefined;
  const { from, to } = range;
  return from === to ? (value) => value === from : (value) => value >= from && value <= to;
}

/** A comma list of `N` and `A:B`. */
export function rangeListTest(text: string): ((value: number) => boolean) | undefined {
  const tests: ((value: number) => boolean)[] = [];
  for (const item of text.split(',')) {
    const test = rangeTest(item);
    if (test === undefined) return undefined;
    tests.push(test);
  }
  return (value) => tests.some((test) => test(value));
}

/** An address or prefix. */
export function prefixTest(text: string): ((addr: Addr) => boolean) | undefined {
  const prefix = parsePrefixOrAddr(text);
  return prefix === undefined ? undefined : (addr) => containsAddr(prefix, addr);
}

/** `FIRST-LAST` or one address. */
export function addressRangeTest(text: string): ((addr: Addr) => boolean) | undefined {
  const [low = '', high = low, ...rest] = text.split('-');
  const first = parseAddr(low);
  const last = parseAddr(high);
  if (first === undefined || last === undefined || first.family !== last.family || rest.length > 0)
    return undefined;
  return (addr) =>
    addr.family === first.family && compareAddr(first, addr) <= 0 && compareAddr(addr, last) <= 0;
}

/** A decimal `N` or `A-B`, as user and group ids; `root` is 0 everywhere. */
export function idTest(text: string): ((id: number) => boolean) | undefined {
  if (text === 'root') return (id) => id === 0;
  const [, low, high] = /^([0-9]{1,10})(?:-([0-9]{1,10}))?$/.exec(text) ?? [];
  if (low === undefined) return undefined;
  const from = Number(low);
  const to = Number(high ?? low);
  return (id) => id >= from && id <= to;
}
