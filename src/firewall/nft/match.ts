/**
 * Whether statements of a native rule match one packet, three-valued, and what maps give for it. In: a table (for its
 * named sets), a statement or expression, a PacketView. Out: true, false, a value or what is not known.
 * Compiled once and remembered by identity. It walks no chains and changes no packet.
 */
import { negateIf } from '../match-values.ts';
import type { PacketView, Truth, UnknownTruth } from '../packet-view.ts';
import { type DataType, typesOf, type Value } from './data-type.ts';
import { calculate, compileFind, compileTest, constantOf, elementsOf, isUnknown } from './elements.ts';
import { expressionFact } from './expression-facts.ts';
import type { Expression, NftTable, NftVerdict, SetElement, SetRef, Statement } from './model.ts';
import { type Reader, readerOf } from './read.ts';
import { presenceOf } from './read-header.ts';

type MatchStatement = Extract<Statement, { kind: 'match' }>;
type VmapStatement = Extract<Statement, { kind: 'vmap' }>;

/** Parts of a value, more than one for a concatenation; `undefined`: the packet has no such thing. */
type Parts = readonly Value[] | undefined | UnknownTruth;
type PartsReader = (view: PacketView) => Parts;

interface Compiled {
  readonly matches: WeakMap<MatchStatement, (view: PacketView) => Truth>;
  readonly vmaps: WeakMap<VmapStatement, (view: PacketView) => VerdictLookup>;
}

const compiled = new WeakMap<NftTable, Compiled>();

function compiledOf(table: NftTable): Compiled {
  const known = compiled.get(table);
  if (known !== undefined) return known;
  const fresh: Compiled = { matches: new WeakMap(), vmaps: new WeakMap() };
  compiled.set(table, fresh);
  return fresh;
}

/** Whether a match statement of a rule of this table holds. */
export function matchStatement(table: NftTable, statement: MatchStatement, view: PacketView): Truth {
  const { matches } = compiledOf(table);
  const known = matches.get(statement);
  if (known !== undefined) return known(view);
  const matcher = compileMatch(table, statement);
  matches.set(statement, matcher);
  return matcher(view);
}

/** The verdict of a map for this packet; `undefined`: it holds none, and the rule ends. `candidates`: what it may be. */
export type VerdictLookup =
  | NftVerdict
  | undefined
  | (UnknownTruth & { readonly candidates: readonly NftVerdict[] });

export function lookupVerdict(table: NftTable, statement: VmapStatement, view: PacketView): VerdictLookup {
  const { vmaps } = compiledOf(table);
  const known = vmaps.get(statement);
  if (known !== undefined) return known(view);
  const lookup = compileVmap(table, statement);
  vmaps.set(statement, lookup);
  return lookup(view);
}

/** The value of an expression where data of these types is expected; one part for each type that it gives. */
export function evaluate(
  table: NftTable,
  expression: Expression,
  types: readonly DataType[],
  view: PacketView,
): Parts {
  return compileReader(table, expression, types)(view);
}

function compileMatch(
  table: NftTable,
  { operator, left, right }: MatchStatement,
): (view: PacketView) => Truth {
  const types = typesOf(left);
  const asksPresence = left.kind === 'header' && right.kind === 'literal' && typeof right.value === 'boolean';
  const read: PartsReader = asksPresence ? () => [] : compileReader(table, left, types);
  const test = compileRelation(table, operator, left, right, types);
  if (typeof test !== 'function') return () => test;
  return (view) => {
    const parts = read(view);
    if (parts === undefined) return false;
    return isUnknown(parts) ? parts : test(parts, view);
  };
}

type Relation = (parts: readonly Value[], view: PacketView) => Truth;

function compileRelation(
  table: NftTable,
  operator: MatchStatement['operator'],
  left: Expression,
  right: Expression,
  types: readonly DataType[],
): Relation | UnknownTruth {
  switch (operator) {
    case '==':
    case '!=': {
      const not = operator === '!=';
      if (right.kind === 'literal' && typeof right.value === 'boolean') {
        const wanted = right.value;
        if (left.kind === 'header') {
          const present = presenceOf(left);
          return (_, view) => negateIf(wanted === not, present(view));
        }
        if (left.kind === 'unknown') return expressionFact(left.name);
        if (left.kind !== 'fib') return { unknown: 'whether a header is there' };
        return ([found]) => ((found !== '' && found !== 0n) === wanted) !== not;
      }
      const test = compileTest(table, right, types);
      if (test !== undefined) return (parts) => negateIf(not, test(parts));
      const other = compileReader(table, right, types);
      return (parts, view) => {
        const value = other(view);
        if (value === undefined) return false;
        return isUnknown(value) ? value : sameParts(parts, value) !== not;
      };
    }
    case 'in':
    case '!': {
      // Of a mask: any of the bits, or none of them. Of everything else: one of what is listed.
      const wanted = constantOf(right, types[0] ?? 'number');
      if (typeof wanted === 'bigint')
        return ([value]) => typeof value === 'bigint' && ((value & wanted) !== 0n) !== (operator === '!');
      const test = compileTest(table, right, types);
      return test === undefined
        ? { unknown: `a relation that is not understood (${operator})` }
        : (parts) => negateIf(operator === '!', test(parts));
    }
    default: {
      const wanted = constantOf(right, types[0] ?? 'number');
      if (typeof wanted !== 'bigint') return { unknown: `a relation that is not understood (${operator})` };
      return ([value]) => typeof value === 'bigint' && compare(operator, value, wanted);
    }
  }
}

function compare(operator: '<' | '>' | '<=' | '>=', a: bigint, b: bigint): boolean {
  switch (operator) {
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    case '>=':
      return a >= b;
  }
}

function sameParts(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((part, i) => part === b[i]);
}

function compileReader(table: NftTable, expression: Expression, types: readonly DataType[]): PartsReader {
  const type = types[0] ?? 'number';
  switch (expression.kind) {
    case 'literal':
    case 'flags': {
      const value = constantOf(expression, type);
      if (value === undefined) return unknownParts(`a value that is not understood (${type})`);
      return () => [value];
    }
    // Of a range the first is taken: which one the kernel chooses is not known beforehand.
    case 'range':
      return compileReader(table, expression.from, types);
    case 'concat': {
      const readers = expression.parts.map((part, i) => compileReader(table, part, types.slice(i, i + 1)));
      return (view) => {
        const parts: Value[] = [];
        for (const read of readers) {
          const part = read(view);
          if (part === undefined || isUnknown(part)) return part;
          parts.push(...part);
        }
        return parts;
      };
    }
    case 'bits':
      return compileBits(table, expression, type);
    case 'map':
      return compileMap(table, expression, types);
    default: {
      const read: Reader | undefined = readerOf(expression);
      if (read === undefined) return unknownParts('an expression that is not understood');
      return (view) => {
        const value = read(view);
        return value === undefined || isUnknown(value) ? value : [value];
      };
    }
  }
}

function unknownParts(what: string): PartsReader {
  const unknown: UnknownTruth = { unknown: what, command: 'nft list ruleset' };
  return () => unknown;
}

function compileBits(
  table: NftTable,
  { operator, operands }: Extract<Expression, { kind: 'bits' }>,
  type: DataType,
): PartsReader {
  const readers = operands.map((operand) => compileReader(table, operand, [type]));
  return (view) => {
    let result: bigint | undefined;
    for (const read of readers) {
      const parts = read(view);
      if (parts === undefined || isUnknown(parts)) return parts;
      const [value] = parts;
      if (typeof value !== 'bigint') return { unknown: 'bits of a name' };
      result = result === undefined ? value : calculate(operator, result, value, type);
    }
    return result === undefined ? undefined : [result];
  };
}

function compileMap(
  table: NftTable,
  { key, map }: Extract<Expression, { kind: 'map' }>,
  types: readonly DataType[],
): PartsReader {
  const data = new Map<SetElement, PartsReader>();
  for (const element of elementsOf(table, map)?.elements ?? []) {
    if (element.data !== undefined) data.set(element, compileReader(table, element.data, types));
  }
  const find = compileLookup(table, key, map);
  return (view) => {
    const found = find(view);
    if (found === undefined || isUnknown(found)) return found;
    return data.get(found)?.(view);
  };
}

function compileVmap(table: NftTable, { key, map }: VmapStatement): (view: PacketView) => VerdictLookup {
  const find = compileLookup(table, key, map);
  const verdicts = (elementsOf(table, map)?.elements ?? []).flatMap(({ verdict }) =>
    verdict === undefined ? [] : [verdict],
  );
  const candidates = verdicts.filter(
    (v, i) => verdicts.findIndex((o) => JSON.stringify(o) === JSON.stringify(v)) === i,
  );
  return (view) => {
    const found = find(view);
    if (found === undefined) return undefined;
    return isUnknown(found) ? { ...found, candidates } : found.verdict;
  };
}

/** The element of a map for the packet's key. */
function compileLookup(
  table: NftTable,
  key: Expression,
  ref: SetRef,
): (view: PacketView) => SetElement | undefined | UnknownTruth {
  const types = typesOf(key);
  const read = compileReader(table, key, types);
  const find = compileFind(table, ref, types);
  return (view) => {
    const parts = read(view);
    return parts === undefined || isUnknown(parts) ? parts : find(parts);
  };
}
