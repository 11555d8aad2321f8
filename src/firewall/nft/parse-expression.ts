/**
 * Expressions of nft's JSON (libnftables-json(5), EXPRESSIONS). In: one JSON value. Out: an Expression; what is not
 * known, or nested too deep, is `unknown` with its JSON. It gives no expression a meaning.
 */
import { z } from 'zod';
import type { BitOperator, Expression, NftVerdict, SetElement, SetRef } from './model.ts';

/** Deeper than any rule that a person writes; beyond it the JSON is hostile. */
const maxDepth = 32;
/** What is kept of JSON that is not understood; it is only ever shown. */
const maxJson = 200;

const objectSchema = z.record(z.string(), z.unknown());
const metaSchema = z.object({ key: z.string() });
const payloadSchema = z.object({ protocol: z.string(), field: z.string() });
const ctSchema = z.object({
  key: z.string(),
  dir: z.enum(['original', 'reply']).optional(),
  family: z.string().optional(),
});
const fibSchema = z.object({
  result: z.string(),
  flags: z.union([z.string().transform((s) => [s]), z.array(z.string())]).default([]),
});
const prefixSchema = z.object({ addr: z.unknown(), len: z.int().min(0).max(128) });
const mapSchema = z.object({ key: z.unknown(), data: z.unknown() });
const elementSchema = z.object({ val: z.unknown() });
const chainSchema = z.object({ target: z.string() });
const pairSchema = z.tuple([z.unknown(), z.unknown()]);
const bitOperators: readonly BitOperator[] = ['&', '|', '^', '<<', '>>'];

export function parseExpression(json: unknown): Expression {
  return expression(json, 0);
}

function expression(json: unknown, depth: number): Expression {
  if (depth > maxDepth) return { kind: 'unknown', json: '...' };
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
  if (entry === undefined || more.length > 0) return unknown(json);
  return named(entry[0], entry[1], depth + 1) ?? unknown(json);
}

function named(kind: string, value: unknown, depth: number): Expression | undefined {
  const inner = (json: unknown) => expression(json, depth);
  switch (kind) {
    case 'meta': {
      const meta = metaSchema.safeParse(value);
      return meta.success ? { kind, key: meta.data.key } : undefined;
    }
    case 'payload': {
      const payload = payloadSchema.safeParse(value);
      return payload.success ? { kind, ...payload.data } : undefined;
    }
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
    case 'elem': {
      const element = elementSchema.safeParse(value);
      return element.success ? inner(element.data.val) : undefined;
    }
    default: {
      const operator = bitOperators.find((o) => o === kind);
      return operator !== undefined && Array.isArray(value)
        ? { kind: 'bits', operator, operands: value.map(inner) }
        : undefined;
    }
  }
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
    if (pair?.success !== true) return { key: expression(item, depth) };
    const [key, data] = pair.data;
    const verdict = parseVerdict(data);
    return verdict === undefined
      ? { key: expression(key, depth), data: expression(data, depth) }
      : { key: expression(key, depth), verdict };
  });
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

function unknown(json: unknown): Expression {
  return { kind: 'unknown', json: shortJson(json) };
}

/** JSON that is kept to be shown, cut to a bound. */
export function shortJson(json: unknown): string {
  const text = JSON.stringify(json) ?? 'undefined';
  return text.length > maxJson ? `${text.slice(0, maxJson)}...` : text;
}
