/**
 * Statements that the model keeps as their JSON, as nft's own language writes them. In: the JSON. Out: text, or undefined for a form that
 * is not known, which is then shown as it is. Counts are left out.
 */
import { z } from 'zod';
import { keptValue } from './kept.ts';

const words = z.union([z.string().transform((s) => [s]), z.array(z.string())]);
const amount = z.number();
const logSchema = z
  .object({
    prefix: z.string().optional(),
    group: amount.optional(),
    snaplen: amount.optional(),
    'queue-threshold': amount.optional(),
    level: z.string().optional(),
    flags: words.optional(),
  })
  .nullable();
const limitSchema = z.object({
  rate: amount,
  per: z.string(),
  rate_unit: z.string().optional(),
  burst: amount.optional(),
  burst_unit: z.string().optional(),
  inv: z.boolean().optional(),
});
const quotaSchema = z.object({ val: amount, val_unit: z.string(), inv: z.boolean().optional() });
const queueSchema = z.object({
  num: z.union([amount, z.object({ range: z.tuple([amount, amount]) })]),
  flags: words.optional(),
});
const updateSchema = z.looseObject({ op: z.string() });

/** `log prefix "x"`, `limit rate over 3/minute burst 5 packets`, `counter name "n"`. */
export function keptStatementText(name: string, json: string): string | undefined {
  const whole = keptValue(json);
  const value: unknown = typeof whole === 'object' && whole !== null ? Reflect.get(whole, name) : undefined;
  switch (name) {
    case 'counter':
      return typeof value === 'string' ? `counter name "${value}"` : name;
    case 'log':
      return logText(value);
    case 'limit':
      return limitText(value);
    case 'quota': {
      const quota = quotaSchema.safeParse(value);
      return quota.success
        ? ['quota', ...over(quota.data.inv), quota.data.val, quota.data.val_unit].join(' ')
        : undefined;
    }
    case 'queue': {
      const queue = queueSchema.safeParse(value);
      if (!queue.success) return undefined;
      const { num, flags = [] } = queue.data;
      const to = typeof num === 'number' ? `${num}` : num.range.join('-');
      return ['queue', ...(flags.length === 0 ? [] : ['flags', flags.join(',')]), 'to', to].join(' ');
    }
    default:
      return undefined;
  }
}

function over(inverted: boolean | undefined): readonly string[] {
  return inverted === true ? ['over'] : [];
}

function logText(value: unknown): string | undefined {
  const log = logSchema.safeParse(value);
  if (!log.success) return undefined;
  const { prefix, level, flags, ...numbers } = log.data ?? {};
  return [
    'log',
    ...(prefix === undefined ? [] : [`prefix "${prefix}"`]),
    ...Object.entries(numbers).map(([name, number]) => `${name} ${number}`),
    ...(level === undefined ? [] : [`level ${level}`]),
    ...(flags ?? []).map((flag) => `flags ${flag}`),
  ].join(' ');
}

function limitText(value: unknown): string | undefined {
  const limit = limitSchema.safeParse(value);
  if (!limit.success) return undefined;
  const { rate, per, rate_unit: unit, burst, burst_unit: burstUnit, inv } = limit.data;
  const rateText = unit === undefined ? `${rate}/${per}` : `${rate} ${unit}/${per}`;
  const burstText = burst === undefined || burst === 0 ? [] : [`burst ${burst} ${burstUnit ?? 'packets'}`];
  return ['limit rate', ...over(inv), rateText, ...burstText].join(' ');
}

/** What is done to a set: `add`, `update`, `delete`; undefined where the JSON does not say. */
export function updateWord(word: string, json: string): string | undefined {
  const whole = keptValue(json);
  const update = updateSchema.safeParse(
    typeof whole === 'object' && whole !== null ? Reflect.get(whole, word) : undefined,
  );
  return update.success ? update.data.op : undefined;
}
