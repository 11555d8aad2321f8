/**
 * Expressions of nft's JSON (libnftables-json(5), EXPRESSIONS). In: one JSON value. Out: an Expression; what is not known,
 * has members that are not, or is nested too deep is `unknown` with its JSON. It gives no expression a meaning.
 */
import { z } from 'zod';
import { keptText, maxDepth, otherMembers, withKept } from './kept.ts';
import type { BitOperator, Expression, HeaderKind, NftVerdict, SetElement, SetRef } from './model.ts';

const objectSchema = z.record(z.string(), z.unknown());
const metaSchema = z.strictObject({ key: z.string() });
const payloadSchema = z.strictObject({ protocol: z.string(), field: z.string() });
const bitCount = z.int().min(0).max(65_536);
const rawSchema = z.strictObject({ base: z.string(), offset: bitCount, len: bitCount });
const headerSchema = z.looseObject({ name: z.string(), field: z.string().optional() });
const ctSchema = z.strictObject({
  key: z.string(),
  dir: z.enum(['original', 'reply']).optional(),
  family: z.string().optional(),
});
const fibSchema = z.strictObject({
  result: z.string(),
  flags: z.union([z.string().transform((s) => [s]), z.array(z.string())]).default([]),
});
const prefixSchema = z.strictObject({ addr: z.unknown(), len: z.int().min(0).max(128) });
const mapSchema = z.strictObject({ key: z.unknown(), data: z.unknown() });
const elementSchema = z.looseObject({ val: z.unknown() });
const chainSchema = z.object({ target: z.string() });
const pairSchema = z.tuple([z.unknown(), z.unknown()]);
const bitOperators: readonly BitOperator[] = ['&', '|', '^', '<<', '>>'];
const headerKinds: readonly HeaderKind[] = ['exthdr', 'tcp option', 'ip option', 'sctp chunk', 'dccp option'];

export function parseExpression(json: unknown): Expression {
  return expression(json, 0);
}

function expression(json: unknown, depth: number): Expression {
  if (depth > maxDepth) return { kind: 'unknown', name: '', json: '"..."' };
  if (typeof json === 'string') {
    if (json === '*') return { kind: 'any' };
    return json.startsWith('@')
      ? { kind: 'set', set: { name: json.slice(1) } }
      : { kind: 'literal', value: json };
  }
  if (typeof json === 'number' || typeof json === 'boolean') return { kind: 'literal', value: json };
  if (Array.isArray(json)) return { kind: 'flags', flags: json.map((item) => expression(item, depth + 1)) };
  const object = objectSchema.safeParse(json);
  const [entry, ...more] = object.success ? Object.entries(object.data) : [];
  if (entry === undefined || more.length > 0) return { kind: 'unknown', name: '', json: keptText(json) };
  const [kind, value] = entry;
  return named(kind, value, depth + 1) ?? { kind: 'unknown', name: kind, json: keptText(json) };
}

function named(kind: string, value: unknown, depth: number): Expression | undefined {
  const inner = (json: unknown) => expression(json, depth);
  switch (kind) {
    case 'meta': {
      const meta = metaSchema.safeParse(value);
      return meta.success ? { kind, key: meta.data.key } : undefined;
    }
    case 'payload':
      return payload(value);
    case 'ct': {
      const ct = ctSchema.safeParse(value);
      if (!ct.success) return undefined;
      const { key, dir, family } = ct.data;
      return {
        kind,
        key,
        ...(dir === undefined ? {} : { direction: dir }),
        ...(family === undefined ? {} : { family }),
      };
    }
    case 'fib': {
      const fib = fibSchema.safeParse(value);
      return fib.success ? { kind, ...fib.data } : undefined;
    }
    case 'prefix': {
      const prefix = prefixSchema.safeParse(value);
      return prefix.success ? { kind, address: inner(prefix.data.addr), bits: prefix.data.len } : undefined;
    }
    case 'range': {
      const pair = pairSchema.safeParse(value);
      return pair.success ? { kind, from: inner(pair.data[0]), to: inner(pair.data[1]) } : undefined;
    }
    case 'concat':
      return Array.isArray(value) ? { kind, parts: value.map(inner) } : undefined;
    case 'set':
      return { kind, set: { elements: setElements(Array.isArray(value) ? value : [value], depth) } };
    case 'map': {
      const map = mapSchema.safeParse(value);
      const ref = map.success ? setRef(map.data.data, depth) : undefined;
      return map.success && ref !== undefined ? { kind, key: inner(map.data.key), map: ref } : undefined;
    }
    default: {
      const operator = bitOperators.find((o) => o === kind);
      if (operator !== undefined)
        return Array.isArray(value) ? { kind: 'bits', operator, operands: value.map(inner) } : undefined;
      return header(kind, value);
    }
  }
}

function payload(value: unknown): Expression | undefined {
  const field = payloadSchema.safeParse(value);
  if (field.success) return { kind: 'payload', ...field.data };
  const raw = rawSchema.safeParse(value);
  if (!raw.success) return undefined;
  const { base, offset, len } = raw.data;
  return { kind: 'raw', base, offset, bits: len };
}

function header(kind: string, value: unknown): Expression | undefined {
  const known = headerKinds.find((h) => h === kind);
  const parsed = known === undefined ? undefined : headerSchema.safeParse(value);
  if (known === undefined || parsed?.success !== true) return undefined;
  const { name, field } = parsed.data;
  return {
    kind: 'header',
    header: known,
    name,
    ...(field === undefined ? {} : { field }),
    ...withKept(otherMembers(parsed.data, 'name', 'field')),
  };
}

/** The data of a map or vmap: `@name`, or the elements themselves. */
export function parseSetRef(json: unknown): SetRef | undefined {
  return setRef(json, 0);
}

function setRef(json: unknown, depth: number): SetRef | undefined {
  if (typeof json === 'string') return json.startsWith('@') ? { name: json.slice(1) } : undefined;
  const object = objectSchema.safeParse(json);
  const elements = object.success ? object.data.set : undefined;
  return Array.isArray(elements) ? { elements: setElements(elements, depth) } : undefined;
}

/** Elements of a set (a key each) or of a map (pairs of key and data). */
export function parseSetElements(json: readonly unknown[]): readonly SetElement[] {
  return setElements(json, 0);
}

function setElements(json: readonly unknown[], depth: number): readonly SetElement[] {
  return json.map((item) => {
    const pair = Array.isArray(item) ? pairSchema.safeParse(item) : undefined;
    if (pair?.success !== true) return element(item, depth);
    const [key, data] = pair.data;
    const verdict = parseVerdict(data);
    return verdict === undefined
      ? { ...element(key, depth), data: expression(data, depth) }
      : { ...element(key, depth), verdict };
  });
}

/** A key, which `{"elem": {"val": ...}}` gives a timeout, a comment or counts. */
function element(json: unknown, depth: number): SetElement {
  const object = objectSchema.safeParse(json);
  const [entry, ...more] = object.success ? Object.entries(object.data) : [];
  const whole = entry?.[0] === 'elem' && more.length === 0 ? elementSchema.safeParse(entry[1]) : undefined;
  if (whole?.success !== true) return { key: expression(json, depth) };
  const kept = otherMembers(whole.data, 'val');
  // Without any, the object is written all the same.
  return { key: expression(whole.data.val, depth), kept: kept ?? {} };
}

/** `{"accept": null}`, `{"jump": {"target": ...}}`; undefined for anything else. */
export function parseVerdict(json: unknown): NftVerdict | undefined {
  const object = objectSchema.safeParse(json);
  const [entry, ...more] = object.success ? Object.entries(object.data) : [];
  if (entry === undefined || more.length > 0) return undefined;
  const [kind, value] = entry;
  switch (kind) {
    case 'accept':
    case 'drop':
    case 'continue':
    case 'return':
      return { kind };
    case 'jump':
    case 'goto': {
      const target = chainSchema.safeParse(value);
      return target.success ? { kind, chain: target.data.target } : undefined;
    }
    default:
      return undefined;
  }
}
