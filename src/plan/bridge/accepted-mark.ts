/**
 * The mark of bridge-accept-fwmark, with which packets may go into every network (since 29.0).
 * In: a Script. Out: numbers, for iptables and nft read fewer forms of them than Go does.
 */
import type { Script } from './script.ts';

/** Undefined where there is none, or one that the engine refuses. */
export function acceptedMark(script: Script): { readonly mark: number; readonly mask?: number } | undefined {
  const asked = script.options.settings['bridge-accept-fwmark'].value;
  const [mark, mask, ...more] = asked.split('/').map(parseGoUint);
  if (mark === undefined || more.length > 0) return undefined;
  if (!asked.includes('/')) return { mark };
  return mask === undefined ? undefined : { mark, mask };
}

/** Go's strconv.ParseUint with base 0 and 32 bits. */
function parseGoUint(text: string): number | undefined {
  const digits = text.replace(/^0([0-7]+)$/, '0o$1');
  if (!/^(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0|[1-9][0-9]*)$/.test(digits)) return undefined;
  const value = Number(digits);
  return value <= 0xffffffff ? value : undefined;
}
