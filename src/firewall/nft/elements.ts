/**
 * Constants, elements and sets of nftables as tests of a value. In: what is written at the right of a relation, or in a
 * set or map, with the types of the left. Out: tests, and the element that holds a value. No packet is looked at here.
 */
import type { Truth, UnknownTruth } from '../packet-view.ts';
import { type DataType, literalValue, typeBits, type Value } from './data-type.ts';
import type { Expression, NftTable, SetElement, SetRef } from './model.ts';

/** Whether parts of a value, more than one for a concatenation, are what an element or a relation says. */
export type Test = (parts: readonly Value[]) => Truth;

export function isUnknown(value: unknown): value is UnknownTruth {
  return typeof value === 'object' && value !== null && 'unknown' in value;
}

/** The value of literals, flags and what is calculated of them; undefined for everything else. */
export function constantOf(expression: Expression, type: DataType): Value | undefined {
  switch (expression.kind) {
    case 'literal':
      return literalValue(type, expression.value);
    case 'flags':
      return join(expression.flags, type, '|');
    case 'bits':
      return join(expression.operands, type, expression.operator);
    default:
      return undefined;
  }
}

type Operator = Extract<Expression, { kind: 'bits' }>['operator'];

function join(operands: readonly Expression[], type: DataType, operator: Operator): bigint | undefined {
  let result: bigint | undefined;
  for (const operand of operands) {
    const value = constantOf(operand, type);
    if (typeof value !== 'bigint') return undefined;
    result = result === undefined ? value : calculate(operator, result, value, type);
    if (result === undefined) return undefined;
  }
  return result;
}

export function calculate(operator: Operator, a: bigint, b: bigint, type: DataType): bigint | undefined {
  const bits = typeBits(type);
  switch (operator) {
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    // A hostile shift would need unbounded memory.
    case '<<':
      return b > BigInt(bits) ? 0n : BigInt.asUintN(bits, a << b);
    case '>>':
      return b > BigInt(bits) ? 0n : a >> b;
  }
}

interface Elements {
  readonly elements: readonly SetElement[];
  /** Set where the traffic changes what it holds. */
  readonly moving?: UnknownTruth;
}

const updated = new WeakMap<NftTable, ReadonlySet<string>>();

/** Sets that statements of the table's rules change. */
function updatedSets(table: NftTable): ReadonlySet<string> {
  const known = updated.get(table);
  if (known !== undefined) return known;
  const found = new Set<string>();
  for (const { rules } of table.chains)
    for (const { statements } of rules)
      for (const statement of statements) if (statement.kind === 'update') found.add(statement.set);
  updated.set(table, found);
  return found;
}

export function elementsOf(table: NftTable, ref: SetRef): Elements | undefined {
  if ('elements' in ref) return ref;
  const set = table.sets.find((s) => s.name === ref.name);
  if (set === undefined) return undefined;
  // Without a rule that adds to it, it holds what it held when the facts were taken.
  if (!updatedSets(table).has(set.name)) return set;
  const command = `nft list set ${table.family} ${table.name} ${set.name}`;
  return { elements: set.elements, moving: { unknown: `what the set ${set.name} holds by then`, command } };
}

/** The first element that holds the parts; `*` only where no other does. */
export function compileFind(
  table: NftTable,
  ref: SetRef,
  types: readonly DataType[],
): (parts: readonly Value[]) => SetElement | undefined | UnknownTruth {
  const set = elementsOf(table, ref);
  if (set === undefined) {
    const name = 'name' in ref ? ref.name : '';
    const unknown = { unknown: `members of set ${name}`, command: 'nft list ruleset' };
    return () => unknown;
  }
  if (set.moving !== undefined) return () => set.moving;
  const exact = new Map<string, SetElement>();
  const tested: { readonly element: SetElement; readonly test: Test }[] = [];
  let fallback: SetElement | undefined;
  for (const element of set.elements) {
    if (element.key.kind === 'any') {
      fallback = element;
      continue;
    }
    const key = exactKey(element.key, types);
    if (key === undefined) tested.push({ element, test: elementTest(element.key, types) });
    else exact.set(key, element);
  }
  return (parts) => {
    const found = exact.get(keyText(parts));
    if (found !== undefined) return found;
    let unknown: UnknownTruth | undefined;
    for (const { element, test } of tested) {
      const truth = test(parts);
      if (truth === true) return element;
      if (truth !== false) unknown ??= truth;
    }
    return unknown ?? fallback;
  };
}

function keyText(parts: readonly Value[]): string {
  return parts.length === 1 ? String(parts[0]) : parts.join('\0');
}

/** The key of an element that is one value; undefined for ranges, prefixes, patterns and what is not understood. */
function exactKey(key: Expression, types: readonly DataType[]): string | undefined {
  const parts = key.kind === 'concat' ? key.parts : [key];
  const values: Value[] = [];
  for (const [i, part] of parts.entries()) {
    const type = types[i] ?? 'number';
    const value = constantOf(part, type);
    if (value === undefined || isPattern(type, value)) return undefined;
    values.push(value);
  }
  return keyText(values);
}

function isPattern(type: DataType, value: Value): value is string {
  return type === 'device' && typeof value === 'string' && value.endsWith('*');
}

function elementTest(key: Expression, types: readonly DataType[]): Test {
  const parts = key.kind === 'concat' ? key.parts : [key];
  const tests = parts.map((part, i) => partTest(part, types[i] ?? 'number'));
  const unknown: UnknownTruth = { unknown: 'an element of a set that is not understood' };
  return (values) => {
    if (values.length !== tests.length) return unknown;
    let open = false;
    for (const [i, test] of tests.entries()) {
      const value = values[i];
      if (test === undefined || value === undefined) open = true;
      else if (!test(value)) return false;
    }
    return open ? unknown : true;
  };
}

/** A test of one part against a literal, range, prefix or pattern; undefined where that is not understood. */
function partTest(expression: Expression, type: DataType): ((value: Value) => boolean) | undefined {
  switch (expression.kind) {
    case 'range': {
      const from = constantOf(expression.from, type);
      const to = constantOf(expression.to, type);
      if (typeof from !== 'bigint' || typeof to !== 'bigint') return undefined;
      return (value) => typeof value === 'bigint' && value >= from && value <= to;
    }
    case 'prefix': {
      const address = constantOf(expression.address, type);
      const shift = typeBits(type) - expression.bits;
      if (typeof address !== 'bigint' || shift < 0) return undefined;
      const network = address >> BigInt(shift);
      return (value) => typeof value === 'bigint' && value >> BigInt(shift) === network;
    }
    default: {
      const wanted = constantOf(expression, type);
      if (wanted === undefined) return undefined;
      if (!isPattern(type, wanted)) return (value) => value === wanted;
      const beginning = wanted.slice(0, -1);
      // A name that really ends in `*` is printed with a backslash before it.
      if (beginning.endsWith('\\')) return (value) => value === `${beginning.slice(0, -1)}*`;
      return (value) => typeof value === 'string' && value.startsWith(beginning);
    }
  }
}

/** The right side of `==`: a set, or one element; undefined where it is read from the packet too. */
export function compileTest(
  table: NftTable,
  right: Expression,
  types: readonly DataType[],
): Test | undefined {
  if (right.kind === 'set') {
    const find = compileFind(table, right.set, types);
    return (parts) => {
      const found = find(parts);
      return found === undefined ? false : isUnknown(found) ? found : true;
    };
  }
  const parts = right.kind === 'concat' ? right.parts : [right];
  const constant = parts.every((part) => ['literal', 'flags', 'range', 'prefix'].includes(part.kind));
  return constant || constantOf(right, types[0] ?? 'number') !== undefined
    ? elementTest(right, types)
    : undefined;
}
