/**
 * Numbers in option values as iptables reads and prints them: marks, port ranges, rates.
 * In: an option's text. Out: numbers or printed text; undefined where the text is something else.
 */

/** An unsigned number in C notation: decimal, 0x hexadecimal or 0 octal, at most 32 bits. */
export function parseCNumber(text: string): number | undefined {
  const radix = /^0x[0-9a-f]+$/i.test(text)
    ? 16
    : /^0[0-7]+$/.test(text)
      ? 8
      : /^(0|[1-9][0-9]*)$/.test(text)
        ? 10
        : 0;
  if (radix === 0) return undefined;
  const value = Number.parseInt(radix === 16 ? text.slice(2) : text, radix);
  return value <= 0xffffffff ? value : undefined;
}

export interface MaskedValue {
  readonly value: number;
  /** All ones where none was given. */
  readonly mask: number;
}

/** `VALUE[/MASK]` of marks. */
export function parseMasked(text: string): MaskedValue | undefined {
  const slash = text.indexOf('/');
  const value = parseCNumber(slash < 0 ? text : text.slice(0, slash));
  const mask = slash < 0 ? 0xffffffff : parseCNumber(text.slice(slash + 1));
  return value === undefined || mask === undefined ? undefined : { value, mask };
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

/** At least so many hexadecimal digits. */
export function hexDigits(value: number, digits: number): string {
  return `0x${(value >>> 0).toString(16).padStart(digits, '0')}`;
}

/** An inclusive range. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

function number16(text: string): number | undefined {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65535 ? Number(text) : undefined;
}

/** `N`, `A:B`, `A:` or `:B`: ports and lengths. Service names are not known here. */
export function parseRange(text: string): Range | undefined {
  const colon = text.indexOf(':');
  if (colon < 0) {
    const value = number16(text);
    return value === undefined ? undefined : { from: value, to: value };
  }
  const from = colon === 0 ? 0 : number16(text.slice(0, colon));
  const to = colon === text.length - 1 ? 65535 : number16(text.slice(colon + 1));
  return from === undefined || to === undefined ? undefined : { from, to };
}

/** A range as iptables-save prints it; other text (a service name) stays. */
export function printedRange(text: string): string {
  const range = parseRange(text);
  if (range === undefined) return text;
  return range.from === range.to ? `${range.from}` : `${range.from}:${range.to}`;
}

/** A range of numbers in C notation as iptables-save prints it: open ends are 0 and `max`; other text stays. */
export function printedRangeUpTo(text: string, max: number): string {
  const [low, high, ...more] = text.split(':');
  const from = low === '' && high !== undefined ? 0 : parseCNumber(low ?? '');
  const to = high === undefined ? from : high === '' ? max : parseCNumber(high);
  if (from === undefined || to === undefined || more.length > 0) return text;
  return from === to ? `${from}` : `${from}:${to}`;
}

const rateUnits = [
  { name: 'day', seconds: 86400 },
  { name: 'hour', seconds: 3600 },
  { name: 'min', seconds: 60 },
  { name: 'sec', seconds: 1 },
] as const;

const rateUnitNames = ['second', 'minute', 'hour', 'day'] as const;

/**
 * `RATE[/UNIT]` as iptables prints it back: it keeps the period between packets in ticks (`scale` ticks a second) and
 * prints the largest unit that divides well, so that `60/minute` becomes `1/sec`. Text that is no rate stays.
 */
export function printedRate(text: string, scale: number): string {
  const parts = /^([1-9][0-9]{0,8})(?:\/([a-z]+))?$/i.exec(text);
  const given = parts?.[2]?.toLowerCase() ?? 'second';
  const unitName = rateUnitNames.find((name) => name.startsWith(given));
  const unit = rateUnits.find((u) => unitName?.startsWith(u.name));
  if (parts === null || unit === undefined) return text;
  const period = Math.floor((scale * unit.seconds) / Number(parts[1]));
  if (period === 0) return text;
  let best: (typeof rateUnits)[number] = rateUnits[0];
  for (const candidate of rateUnits.slice(1)) {
    const ticks = candidate.seconds * scale;
    if (period > ticks || Math.floor(ticks / period) < ticks % period) break;
    best = candidate;
  }
  return `${Math.floor((best.seconds * scale) / period)}/${best.name}`;
}
