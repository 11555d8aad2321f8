/**
 * Statements of nft's JSON (libnftables-json(5), STATEMENTS). In: one element of a rule's `expr`. Out: a Statement; what is not
 * known, or has members that are not, is `unknown` with its name and JSON. It gives no statement a meaning.
 */
import { z } from 'zod';
import { defaultBurst, slowBurst } from '../token-bucket.ts';
import { keptText, maxDepth } from './kept.ts';
import type { MatchOperator, NatKind, Statement } from './model.ts';
import { parseExpression, parseSetRef, parseVerdict } from './parse-expression.ts';

const objectSchema = z.record(z.string(), z.unknown());
const words = z.union([z.string().transform((s) => [s]), z.array(z.string())]);
const operators: readonly MatchOperator[] = ['==', '!=', '<', '>', '<=', '>=', 'in', '!'];
const matchSchema = z.strictObject({ op: z.string(), left: z.unknown(), right: z.unknown() });
const vmapSchema = z.strictObject({ key: z.unknown(), data: z.unknown() });
const mangleSchema = z.strictObject({ key: z.unknown(), value: z.unknown() });
const natSchema = z
  .strictObject({
    addr: z.unknown().optional(),
    port: z.unknown().optional(),
    family: z.string().optional(),
    flags: words.optional(),
    type_flags: words.optional(),
  })
  .nullish();
const rejectSchema = z.strictObject({ type: z.string().optional(), expr: z.string().optional() }).nullish();
const limitSchema = z.object({
  rate: z.number(),
  per: z.string().optional(),
  burst: z.number().optional(),
  /** `packets` where it is left out. */
  rate_unit: z.string().optional(),
  inv: z.boolean().optional(),
});
const amount = z.int().min(0);
const quotaSchema = z.strictObject({
  val: amount,
  val_unit: z.string().default('bytes'),
  used: amount.default(0),
  used_unit: z.string().default('bytes'),
  inv: z.boolean().optional(),
});
const updateSchema = z.looseObject({ elem: z.unknown(), stmt: z.unknown().optional() });
const meterSchema = z.looseObject({ key: z.unknown(), stmt: z.unknown().optional() });
const xtSchema = z.object({ type: z.string(), name: z.string() });

/** Statements that only observe, or change what no walk looks at. */
const observers: ReadonlySet<string> = new Set([
  'counter',
  'log',
  'comment',
  'last',
  'dup',
  'flow',
  'reset',
  'ct helper',
  'ct timeout',
  'ct expectation',
  'secmark',
  'tunnel',
]);

export function parseStatement(json: unknown): Statement {
  return statement(json, 0);
}

function statement(json: unknown, depth: number): Statement {
  const object = objectSchema.safeParse(json);
  const [entry, ...more] = object.success ? Object.entries(object.data) : [];
  if (entry === undefined || more.length > 0) return { kind: 'unknown', name: '', json: keptText(json) };
  const [name, value] = entry;
  return named(name, value, depth) ?? { kind: 'unknown', name, json: keptText(json) };
}

function named(name: string, value: unknown, depth: number): Statement | undefined {
  const json = () => keptText({ [name]: value });
  const verdict = parseVerdict({ [name]: value });
  if (verdict !== undefined) return { kind: 'verdict', verdict };
  if (observers.has(name)) return { kind: 'observe', name, json: json() };
  switch (name) {
    case 'match':
      return match(value);
    case 'vmap': {
      const vmap = vmapSchema.safeParse(value);
      const map = vmap.success ? parseSetRef(vmap.data.data) : undefined;
      return vmap.success && map !== undefined
        ? { kind: 'vmap', key: parseExpression(vmap.data.key), map }
        : undefined;
    }
    case 'dnat':
    case 'snat':
    case 'masquerade':
    case 'redirect':
      return nat(name, value);
    case 'reject': {
      const reject = rejectSchema.safeParse(value);
      if (!reject.success) return undefined;
      const { type, expr } = reject.data ?? {};
      return {
        kind: 'reject',
        ...(type === undefined ? {} : { type }),
        ...(expr === undefined ? {} : { code: expr }),
      };
    }
    case 'mangle': {
      const mangle = mangleSchema.safeParse(value);
      if (!mangle.success) return undefined;
      const { key, value: to } = mangle.data;
      return { kind: 'mangle', key: parseExpression(key), value: parseExpression(to) };
    }
    case 'notrack':
      return value === null ? { kind: 'notrack' } : undefined;
    case 'xt': {
      // What iptables-nft put there: nft's JSON has its name alone.
      const xt = xtSchema.safeParse(value);
      if (!xt.success) return undefined;
      return xt.data.name === 'comment'
        ? { kind: 'observe', name: xt.data.name, json: json() }
        : { kind: 'unknown', name: `xt ${xt.data.type}`, json: json() };
    }
    case 'limit': {
      if (typeof value === 'string') return { kind: 'named', object: name, name: value };
      const limit = limitSchema.safeParse(value);
      if (!limit.success) return undefined;
      const { inv, rate, per, burst: written, rate_unit: unit } = limit.data;
      const isPackets = unit === undefined || unit === 'packets';
      const burst = isPackets ? slowBurst(`${rate}/${per}`, written ?? defaultBurst) : undefined;
      return {
        kind: 'limit',
        over: inv === true,
        ...(burst === undefined ? {} : { burst }),
        json: json(),
      };
    }
    case 'quota':
      if (typeof value === 'string') return { kind: 'named', object: name, name: value };
      return parseQuota(value);
    case 'set':
    case 'map': {
      const update = updateSchema.safeParse(value);
      if (!update.success) return undefined;
      const set = String(update.data[name]).replace(/^@/, '');
      return updated({ word: name, set, json: json() }, update.data.elem, update.data.stmt, depth);
    }
    case 'meter': {
      const meter = meterSchema.safeParse(value);
      if (!meter.success) return undefined;
      const set = String(meter.data.name);
      return updated({ word: name, set, json: json() }, meter.data.key, meter.data.stmt, depth);
    }
    default:
      return undefined;
  }
}

/** The statements of an element are run in their order, those of a list in its. */
function updated(
  what: Pick<Extract<Statement, { kind: 'update' }>, 'word' | 'set' | 'json'>,
  element: unknown,
  inner: unknown,
  depth: number,
): Statement | undefined {
  if (depth > maxDepth) return undefined;
  const given = inner === undefined ? [] : Array.isArray(inner) ? inner : [inner];
  return {
    kind: 'update',
    ...what,
    key: parseExpression(withoutTimeout(element)),
    statements: given.map((item) => statement(item, depth + 1)),
  };
}

/** `{"elem": {"val": KEY, "timeout": 30}}` is its key. */
function withoutTimeout(json: unknown): unknown {
  const object = objectSchema.safeParse(json);
  const element = object.success ? objectSchema.safeParse(object.data.elem) : undefined;
  return element?.success === true && 'val' in element.data ? element.data.val : json;
}

/** Bytes in each unit (src/datatype.c, rate_to_base of nft). */
const units: Readonly<Record<string, bigint>> = { bytes: 1n, kbytes: 1024n, mbytes: 1024n ** 2n };

/** A quota as a statement writes it. */
function parseQuota(value: unknown): Statement | undefined {
  const quota = quotaSchema.safeParse(value);
  if (!quota.success) return undefined;
  const { val, val_unit, used, used_unit, inv } = quota.data;
  const [unit, usedUnit] = [units[val_unit], units[used_unit]];
  if (unit === undefined || usedUnit === undefined) return undefined;
  return {
    kind: 'quota',
    over: inv === true,
    bytes: BigInt(val) * unit,
    used: BigInt(used) * usedUnit,
    json: keptText({ quota: value }),
  };
}

function match(value: unknown): Statement | undefined {
  const parsed = matchSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const operator = operators.find((o) => o === parsed.data.op);
  if (operator === undefined) return undefined;
  return {
    kind: 'match',
    operator,
    left: parseExpression(parsed.data.left),
    right: parseExpression(parsed.data.right),
  };
}

function nat(kind: NatKind, value: unknown): Statement | undefined {
  const parsed = natSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const { addr, port, family, flags, type_flags: typeFlags } = parsed.data ?? {};
  return {
    kind: 'nat',
    nat: kind,
    ...(family === undefined ? {} : { family }),
    ...(addr === undefined ? {} : { address: parseExpression(addr) }),
    ...(port === undefined ? {} : { port: parseExpression(port) }),
    ...(flags === undefined ? {} : { flags }),
    ...(typeFlags === undefined ? {} : { typeFlags }),
  };
}
