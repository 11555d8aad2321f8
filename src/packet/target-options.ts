/**
 * What targets of iptables make of a packet's mark, type of service, TTL, zone and connection (net/netfilter/xt_*.c). In: a target's
 * options and what they change. Out: the new value, or the packet changed. Verdicts and NAT are `hooks.ts`'s subject.
 */
import type { UnknownTruth } from '../firewall/match.ts';
import type { RuleOption } from '../firewall/ruleset.ts';
import { defaultZone, type Packet, type Zone } from './packet.ts';
import { untrack } from './targets.ts';

/** The first value of an option; undefined where it is not given. */
export function option(options: readonly RuleOption[], name: string): string | undefined {
  return options.find((o) => o.name === name)?.values[0];
}

function has(options: readonly RuleOption[], name: string): boolean {
  return options.some((o) => o.name === name);
}

function valueAndMask(text: string): { value: number; mask: number } {
  const [value, mask] = text.split('/');
  return { value: Number(value) >>> 0, mask: mask === undefined ? 0xffffffff : Number(mask) >>> 0 };
}

/** xt_MARK: all options are forms of "clear these bits, then xor those". */
export function newMark(mark: number, options: readonly RuleOption[]): number {
  for (const o of options) {
    const { value, mask } = valueAndMask(o.values[0] ?? '0');
    switch (o.name) {
      case '--set-xmark':
        return ((mark & ~mask) ^ value) >>> 0;
      case '--set-mark':
        return ((mark & ~(mask | value)) | value) >>> 0;
      case '--and-mark':
        return (mark & value) >>> 0;
      case '--or-mark':
        return (mark | value) >>> 0;
      case '--xor-mark':
        return (mark ^ value) >>> 0;
    }
  }
  return mark;
}

/** xt_DSCP: clear the bits of a mask and turn over those of a value, or replace the upper six. */
export function newTos(tos: number, options: readonly RuleOption[]): number {
  for (const { name, values } of options) {
    const { value, mask } = valueAndMask(values[0] ?? '0');
    if (name === '--set-tos') return (tos & ~mask) ^ (value & 0xff);
    if (name === '--set-dscp') return (tos & 3) | ((value & 0x3f) << 2);
  }
  return tos;
}

/** What TPROXY needs: a transparent socket at its address and port. */
export function tproxyFact(namespace: string, options: readonly RuleOption[], packet: Packet): UnknownTruth {
  const port = option(options, '--on-port') ?? `${packet.dport}`;
  return {
    unknown: `a transparent socket of ${namespace} listens on port ${port}`,
    command: `ss -lnp sport = :${port}`,
  };
}

export function tproxyMark(mark: number, options: readonly RuleOption[]): number {
  const given = option(options, '--tproxy-mark');
  const to = given === undefined ? undefined : valueAndMask(given);
  return to === undefined ? mark : ((mark & ~to.mask) ^ to.value) >>> 0;
}

/** xt_HL: set, add or take, and it stays a byte. */
export function newTtl(ttl: number, options: readonly RuleOption[]): number {
  for (const { name, values } of options) {
    const value = Number(values[0] ?? '0');
    switch (name.replace(/^--(ttl|hl)-/, '')) {
      case 'set':
        return value;
      case 'inc':
        return Math.min(ttl + value, 255);
      case 'dec':
        return Math.max(ttl - value, 0);
    }
  }
  return ttl;
}

export function connmark(packet: Packet, options: readonly RuleOption[]): void {
  const connection = packet.tracking?.connection;
  if (connection === undefined) return;
  const nfmask = Number(option(options, '--nfmask') ?? option(options, '--mask') ?? 0xffffffff) >>> 0;
  const ctmask = Number(option(options, '--ctmask') ?? option(options, '--mask') ?? 0xffffffff) >>> 0;
  if (has(options, '--save-mark')) {
    connection.mark = ((connection.mark & ~ctmask) ^ (packet.mark & nfmask)) >>> 0;
  } else if (has(options, '--restore-mark')) {
    packet.mark = ((packet.mark & ~nfmask) ^ (connection.mark & ctmask)) >>> 0;
  } else {
    connection.mark = newMark(connection.mark, options);
  }
}

/** xt_CT in raw: no tracking at all, or a zone for the lookup that follows. */
export function setTemplate(packet: Packet, options: readonly RuleOption[]): void {
  if (has(options, '--notrack')) untrack(packet);
  const zone = (name: string, original: boolean, reply: boolean): Zone | undefined => {
    const id = option(options, name);
    // `mark`: the zone is that of the packet's mark, of which sixteen bits count (nf_ct_zone_tmpl).
    return id === undefined
      ? undefined
      : { id: id === 'mark' ? packet.mark & 0xffff : Number(id), original, reply };
  };
  packet.zone =
    zone('--zone', true, true) ??
    zone('--zone-orig', true, false) ??
    zone('--zone-reply', false, true) ??
    packet.zone ??
    defaultZone;
}

/** xt_TCPMSS: a size, or what the devices can carry. */
export function segmentSize(options: readonly RuleOption[]): number | undefined {
  const given = option(options, '--set-mss');
  return given === undefined ? undefined : Number(given);
}
