/**
 * Addresses of `-s` and `-d` as iptables reads them: short forms, lengths and dotted masks.
 * In: text and a family. Out: a prefix without host bits, or an address with a mask that is no prefix, as text.
 */
import { type Addr, type Family, formatAddr, ipv4, ipv6, parseAddr } from '../net/addr.ts';
import { addressBits, maskPrefix, type Prefix } from '../net/prefix.ts';

/** `ADDRESS[/LENGTH|/MASK]`; undefined if malformed, of the other family, or a host name. */
export function parseRuleAddress(text: string, family: Family): Prefix | string | undefined {
  const slash = text.indexOf('/');
  const mask = slash < 0 ? hostMask(family) : parseMask(text.slice(slash + 1), family);
  if (mask === undefined) return undefined;
  const bits = maskLength(mask);
  // With a mask of zero libxtables ignores the address, so that dockerd's `0/0` serves ip6tables too.
  const addr = bits === 0 ? mask : parseShortAddr(slash < 0 ? text : text.slice(0, slash), family);
  if (addr === undefined) return undefined;
  return bits === undefined
    ? `${formatAddr(applyMask(addr, mask))}/${formatAddr(mask)}`
    : maskPrefix({ addr, bits });
}

function hostMask(family: Family): Addr {
  return family === 'ipv4' ? ipv4(0xffffffff) : ipv6((1n << 128n) - 1n);
}

/** A length or an address-like mask. */
function parseMask(text: string, family: Family): Addr | undefined {
  if (/^[0-9]{1,3}$/.test(text)) {
    const bits = Number(text);
    return bits <= addressBits(family) ? maskPrefix({ addr: hostMask(family), bits }).addr : undefined;
  }
  const mask = parseAddr(text);
  return mask?.family === family ? mask : undefined;
}

/** IPv4 may leave out octets at the end, which are zero: `10/8`, `192.168/16` (libxtables). */
function parseShortAddr(text: string, family: Family): Addr | undefined {
  if (family === 'ipv6') return text.includes(':') ? parseAddr(text) : undefined;
  if (text.includes(':')) return undefined;
  const octets = text.split('.');
  return octets.length > 4
    ? undefined
    : parseAddr([...octets, '0', '0', '0'].slice(0, Math.max(4, octets.length)).join('.'));
}

/** The length of a mask that is ones and then zeros; undefined for any other. */
function maskLength(mask: Addr): number | undefined {
  const width = addressBits(mask.family);
  const inverted = (1n << BigInt(width)) - 1n - BigInt(mask.value);
  if ((inverted & (inverted + 1n)) !== 0n) return undefined;
  return inverted === 0n ? width : width - inverted.toString(2).length;
}

function applyMask(addr: Addr, mask: Addr): Addr {
  if (addr.family === 'ipv4' && mask.family === 'ipv4') return ipv4((addr.value & mask.value) >>> 0);
  return ipv6(BigInt(addr.value) & BigInt(mask.value));
}
