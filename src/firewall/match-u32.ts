/**
 * `-m u32`: words of the packet by their place (net/netfilter/xt_u32.c). In: the text of the tests. Out: a matcher.
 * Where the bits that decide are not known, neither is the answer.
 */
import { bitsAt } from './header-bits.ts';
import { parseCNumber } from './numbers.ts';
import type { PacketView, Truth, UnknownTruth } from './packet-view.ts';

interface U32Test {
  readonly start: number;
  readonly steps: readonly { readonly operator: string; readonly operand: number }[];
  readonly values: readonly { readonly from: number; readonly to: number }[];
}

/** The matcher of `START [& MASK] [>> BITS] [@ START ...] = VALUE[:VALUE],... [&& ...]`; undefined for anything else. */
export function u32Matcher(text: string, not: boolean): ((view: PacketView) => Truth) | undefined {
  const tests = text.split('&&').map(parseTest);
  if (!tests.every((test) => test !== undefined)) return undefined;
  const unknown: UnknownTruth = { unknown: 'contents of the packet (-m u32)' };
  return (view) => {
    let open = false;
    for (const test of tests) {
      const truth = runTest(test, view);
      if (truth === false) return not;
      if (truth === undefined) open = true;
    }
    return open ? unknown : !not;
  };
}

function parseTest(text: string): U32Test | undefined {
  const [place = '', list, ...more] = text.split('=');
  const words = place.match(/&|<<|>>|@|[0-9a-fx]+|\S/gi) ?? [];
  const start = parseCNumber(words[0] ?? '');
  const values = (list ?? '').split(',').map(parseRange);
  if (start === undefined || more.length > 0 || !values.every((value) => value !== undefined))
    return undefined;
  const steps: { operator: string; operand: number }[] = [];
  for (let i = 1; i < words.length; i += 2) {
    const operator = words[i] ?? '';
    const operand = parseCNumber(words[i + 1] ?? '');
    if (!/^(?:&|<<|>>|@)$/.test(operator) || operand === undefined) return undefined;
    steps.push({ operator, operand });
  }
  return { start, steps, values };
}

function parseRange(text: string): { readonly from: number; readonly to: number } | undefined {
  const [low = '', high = low, ...more] = text.trim().split(':');
  const [from, to] = [parseCNumber(low), parseCNumber(high)];
  return from === undefined || to === undefined || more.length > 0 ? undefined : { from, to };
}

/** Undefined: bits that decide are not known. */
function runTest({ start, steps, values }: U32Test, view: PacketView): boolean | undefined {
  let base = 0;
  let word = wordAt(view, start);
  for (const { operator, operand } of steps) {
    if (word === undefined) return false;
    const { value, known } = word;
    switch (operator) {
      case '&':
        word = { value: (value & operand) >>> 0, known: (known | ~operand) >>> 0 };
        break;
      case '<<':
        word = {
          value: shiftLeft(value, operand),
          known: (shiftLeft(known, operand) | (2 ** Math.min(operand, 32) - 1)) >>> 0,
        };
        break;
      case '>>':
        word = { value: shiftRight(value, operand), known: ~shiftRight(~known >>> 0, operand) >>> 0 };
        break;
      default:
        // `@`: what was read is how far to go on.
        if (known !== 0xffffffff) return undefined;
        base += value;
        word = wordAt(view, base + operand);
    }
  }
  if (word === undefined) return false;
  const { value, known } = word;
  return known === 0xffffffff ? values.some(({ from, to }) => value >= from && value <= to) : undefined;
}

function shiftLeft(value: number, bits: number): number {
  return bits > 31 ? 0 : (value << bits) >>> 0;
}

function shiftRight(value: number, bits: number): number {
  return bits > 31 ? 0 : value >>> bits;
}

/** The four bytes from a place on; undefined where the packet is shorter. */
function wordAt(
  view: PacketView,
  byte: number,
): { readonly value: number; readonly known: number } | undefined {
  const bits = bitsAt(view, byte * 8, 32);
  return bits && { value: Number(bits.value), known: Number(bits.known) };
}
