/**
 * Statements of nft's JSON (libnftables-json(5), STATEMENTS). In: one element of a rule's `expr`. Out: a Statement; what
 * is not known is `unknown` with its name and JSON. It gives no statement a meaning.
 */
import { z } from 'zod';
import type { MatchOperator, NatKind, Statement } from './model.ts';
import { parseExpression, parseSetRef, parseVerdict, shortJson } from './parse-expression.ts';

const objectSchema = z.record(z.string(), z.unknown());
const operators: readonly MatchOperator[] = ['==', '!=', '<', '>', '<=', '>=', 'in', '!'];
const matchSchema = z.object({ op: z.string(), left: z.unknown(), right: z.unknown() });
const vmapSchema = z.object({ key: z.unknown(), data: z.unknown() });
const mangleSchema = z.object({ key: z.unknown(), value: z.unknown() });
const natSchema = z
  .object({ addr: z.unknown().optional(), port: z.unknown().optional(), family: z.string().optional() })
  .nullish();
const rejectSchema = z.object({ type: z.string().optional(), expr: z.unknown().optional() }).nullish();
const limitSchema = z.object({ inv: z.boolean().optional() });
const xtSchema = z.object({ type: z.string(), name: z.string() });
const optionSchema = z.object({ 'tcp option': z.object({ name: z.string(), field: z.string() }) });

/** Statements that only observe, or change what no walk looks at. */
const observers: ReadonlySet<string> = new Set([
  'counter',
  'log',
  'comment',
  'last',
  'ct helper',
  'ct timeout',
  'ct expectation',
  'secmark',
]);

export function parseStatement(json: unknown): Statement {
  const object = objectSchema.safeParse(json);
  const [entry, ...more] = object.success ? Object.entries(object.data) : [];
  if (entry === undefined || more.length > 0)
    return { kind: 'unknown', name: 'statement', json: shortJson(json) };
  const [name, value] = entry;
  return named(name, value) ?? { kind: 'unknown', name, json: shortJson(json) };
}

function named(name: string, value: unknown): Statement | undefined {
  const verdict = parseVerdict({ [name]: value });
  if (verdict !== undefined) return { kind: 'verdict', verdict };
  if (observers.has(name)) return { kind: 'observe', name, json: shortJson({ [name]: value }) };
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
      const code = reject.data?.expr;
      if (code !== undefined && typeof code !== 'string') return undefined;
      return { kind: 'reject', type: reject.data?.type ?? 'icmpx', ...(code === undefined ? {} : { code }) };
    }
    case 'mangle':
      return mangle(value);
    case 'notrack':
      return { kind: 'notrack' };
    case 'xt': {
      // What iptables-nft put there: nft's JSON has its name alone.
      const xt = xtSchema.safeParse(value);
      if (!xt.success) return undefined;
      const json = shortJson({ xt: value });
      return xt.data.name === 'comment'
        ? { kind: 'observe', name: xt.data.name, json }
        : { kind: 'unknown', name: `xt ${xt.data.type}`, json };
    }
    case 'limit': {
      // A limit by name is a string; its sense is in the named object.
      const limit = limitSchema.safeParse(value);
      return limit.success
        ? { kind: 'limit', over: limit.data.inv === true, json: shortJson({ limit: value }) }
        : undefined;
    }
    case 'set':
    case 'map': {
      const update = objectSchema.safeParse(value);
      // With statements of its own (a rate for each element) it decides whether the rule goes on.
      return update.success && update.data.stmt === undefined && update.data.op !== undefined
        ? { kind: 'observe', name, json: shortJson({ [name]: value }) }
        : undefined;
    }
    default:
      return undefined;
  }
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
  const { addr, port, family } = parsed.data ?? {};
  return {
    kind: 'nat',
    nat: kind,
    ...(family === undefined ? {} : { family }),
    ...(addr === undefined ? {} : { address: parseExpression(addr) }),
    ...(port === undefined ? {} : { port: parseExpression(port) }),
  };
}

function mangle(value: unknown): Statement | undefined {
  const parsed = mangleSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const option = optionSchema.safeParse(parsed.data.key);
  return {
    kind: 'mangle',
    key: option.success
      ? { kind: 'tcp option', name: option.data['tcp option'].name }
      : parseExpression(parsed.data.key),
    value: parseExpression(parsed.data.value),
  };
}
