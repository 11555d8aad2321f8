/**
 * What statements of a native rule do to a packet: NAT, answers instead of it, changes of its fields and marks. In: a statement, a packet
 * at a hook. Out: how the rule goes on, the packet changed. What is not understood is decided both ways, never passed over.
 * Sources: nft_nat.c, nft_reject*.c, nft_meta.c, nft_ct.c, nft_payload.c, nft_exthdr.c.
 */
import { type DataType, typesOf, type Value } from '../firewall/nft/data-type.ts';
import { evaluate } from '../firewall/nft/match.ts';
import type { Expression, NftChain, NftTable, NftVerdict, Statement } from '../firewall/nft/model.ts';
import type { UnknownTruth } from '../firewall/packet-view.ts';
import { type Addr, ipv4, ipv6 } from '../net/addr.ts';
import { type Prefix, parsePrefixOrAddr } from '../net/prefix.ts';
import { bindNat } from './conntrack.ts';
import type { Hook, HookContext, HookDevices, Verdict } from './hooks.ts';
import { familyOf, type Packet } from './packet.ts';
import { clampMss, mappedAddress, masqueradeAddress, redirectAddress } from './targets.ts';
import type { NftHit } from './trace.ts';

/** Where a chain is asked. `hook` is that of the IP stack; `link` for chains of the bridge and netdev families. */
export interface NftPlace {
  readonly table: NftTable;
  readonly base: NftChain;
  readonly hook: Hook | 'link';
  readonly packet: Packet;
  readonly at: HookDevices;
}

/** What a statement comes to: go on with the next one, end the rule, or a verdict. */
export type Step = 'next' | 'break' | NftVerdict | { readonly kind: 'stop'; readonly verdict: Verdict };

export function placeText(hit: NftHit): string {
  return `${hit.table} ${hit.chain}`;
}

export const command = 'nft list ruleset';

export function ruleText(hit: NftHit): string {
  return `rule ${hit.position} of ${placeText(hit)}`;
}

/** A condition that the facts do not decide. */
export function matches(context: HookContext, hit: NftHit, truth: boolean | UnknownTruth): Step {
  if (typeof truth === 'boolean') return truth ? 'next' : 'break';
  return context.decisions.decide(`${ruleText(hit)} matches: ${truth.unknown}`, truth.command)
    ? 'next'
    : 'break';
}

/** Something is done to the packet that is not understood: it may pass or die. */
export function passes(context: HookContext, hit: NftHit, what: string, shownBy = command): Step {
  if (context.decisions.decide(`${what} of ${ruleText(hit)} lets the packet pass`, shownBy)) return 'next';
  const where = placeText(hit);
  return { kind: 'stop', verdict: { kind: 'drop', where, why: `${what} is not understood`, rule: hit } };
}

/** Families that a statement is for: nft prints no condition for what `icmp` or `ip to` implies. */
function isFor(family: string | undefined, packet: Packet): boolean {
  return family === undefined || (family === 'ip6') === (familyOf(packet) === 'ipv6');
}

export function reject(
  packet: Packet,
  hit: NftHit,
  { type, code }: Extract<Statement, { kind: 'reject' }>,
): Step {
  if (type === 'tcp reset') {
    if (packet.protocol !== 'tcp') return 'break';
    return rejected(hit, 'tcp-reset');
  }
  const family = type === 'icmp' ? 'ip' : type === 'icmpv6' ? 'ip6' : undefined;
  if (!isFor(family, packet)) return 'break';
  return rejected(hit, code === 'prot-unreachable' ? 'proto-unreachable' : (code ?? 'port-unreachable'));
}

function rejected(hit: NftHit, answer: string): Step {
  return { kind: 'stop', verdict: { kind: 'reject', with: answer, where: placeText(hit), rule: hit } };
}

type NatStatement = Extract<Statement, { kind: 'nat' }>;

export function nat(context: HookContext, place: NftPlace, hit: NftHit, statement: NatStatement): Step {
  const { packet, hook, at } = place;
  const connection = packet.tracking?.connection;
  if (!isFor(statement.family, packet)) return 'break';
  if (connection === undefined || hook === 'link') return { kind: 'accept' };
  const target = natTarget(context, place, statement);
  if (target === undefined) return 'break';
  if ('unknown' in target) return passes(context, hit, `${statement.nat}, ${target.unknown},`);
  let { address } = target;
  if (statement.nat === 'masquerade') address = masqueradeAddress(at, packet);
  if (statement.nat === 'redirect') address = redirectAddress(hook, at, packet);
  if (address === undefined && (statement.nat === 'masquerade' || statement.nat === 'redirect')) {
    const why = `${statement.nat} finds no address to use`;
    return { kind: 'stop', verdict: { kind: 'drop', where: placeText(hit), why, rule: hit } };
  }
  const manip = hook === 'PREROUTING' || hook === 'OUTPUT' ? 'dst' : 'src';
  bindNat(connection, manip, { address, port: target.port });
  return { kind: 'accept' };
}

interface NatTarget {
  readonly address: Addr | undefined;
  readonly port: number | undefined;
}

/** Address and port as written or as a map gives them; a map may give both in one. */
function natTarget(
  context: HookContext,
  { table, packet, hook }: NftPlace,
  { address, port, typeFlags }: NatStatement,
): NatTarget | undefined | UnknownTruth {
  const family = familyOf(packet);
  const network =
    address?.kind === 'prefix' && typeFlags?.includes('prefix') ? networkOf(address) : undefined;
  if (network !== undefined) {
    const before = hook === 'PREROUTING' || hook === 'OUTPUT' ? packet.dst : packet.src;
    return { address: mappedAddress(before, network), port: undefined };
  }
  const read = (expression: Expression, types: readonly DataType[]) =>
    evaluate(table, expression, types, context.view);
  const addresses = address === undefined ? [] : read(address, [family, 'number']);
  if (addresses === undefined || 'unknown' in addresses) return addresses;
  const ports = port === undefined ? addresses.slice(1) : read(port, ['number']);
  if (ports === undefined || 'unknown' in ports) return ports;
  const number = ports[0];
  return {
    address: addressOf(addresses[0], family),
    port: typeof number === 'bigint' ? Number(number) : undefined,
  };
}

/** `10.0.0.0/8` of `dnat prefix to`, under which the bits behind the network stay. */
function networkOf({ address, bits }: Extract<Expression, { kind: 'prefix' }>): Prefix | undefined {
  return address.kind === 'literal' ? parsePrefixOrAddr(`${address.value}/${bits}`) : undefined;
}

function addressOf(value: Value | undefined, family: Addr['family']): Addr | undefined {
  if (typeof value !== 'bigint') return undefined;
  return family === 'ipv4' ? ipv4(Number(value)) : ipv6(value);
}

type MangleStatement = Extract<Statement, { kind: 'mangle' }>;

/** Header fields whose change no walk notices. */
const unnoticed: ReadonlySet<string> = new Set(['flowlabel', 'id', 'checksum']);

export function mangle(
  context: HookContext,
  place: NftPlace,
  hit: NftHit,
  { key, value }: MangleStatement,
): Step {
  const { packet, at, table } = place;
  switch (key.kind) {
    case 'header': {
      if (key.header !== 'tcp option' || key.name !== 'maxseg' || packet.mss === undefined) return 'next';
      // `rt mtu` is the route's; anything that is no number is taken for it.
      clampMss(value.kind === 'literal' ? Number(value.value) : undefined, packet, at);
      return 'next';
    }
    case 'payload': {
      if (key.protocol === 'ether' || unnoticed.has(key.field)) return 'next';
      const parts = evaluate(table, value, typesOf(key), context.view);
      if (parts === undefined) return 'break';
      const number = 'unknown' in parts ? undefined : parts[0];
      if (typeof number === 'bigint' && setField(packet, key.field, Number(number))) return 'next';
      return passes(context, hit, `change of ${key.protocol} ${key.field}`);
    }
    case 'meta':
    case 'ct': {
      if (key.key !== 'mark' && key.key !== 'zone') return 'next';
      const parts = evaluate(table, value, ['number'], context.view);
      if (parts === undefined) return 'break';
      const number = 'unknown' in parts ? undefined : parts[0];
      if (typeof number !== 'bigint') return passes(context, hit, `change of the ${key.kind} ${key.key}`);
      setNumber(packet, key, Number(BigInt.asUintN(32, number)));
      return 'next';
    }
    default:
      return passes(context, hit, 'a change that is not understood');
  }
}

/** Whether the field is one that a packet here has. */
function setField(packet: Packet, field: string, value: number): boolean {
  switch (field) {
    case 'ttl':
    case 'hoplimit':
      packet.ttl = value & 0xff;
      return true;
    case 'dscp':
      packet.tos = (packet.tos & 3) | ((value & 0x3f) << 2);
      return true;
    case 'ecn':
      packet.tos = (packet.tos & ~3) | (value & 3);
      return true;
    default:
      return false;
  }
}

function setNumber(packet: Packet, key: Extract<Expression, { kind: 'meta' | 'ct' }>, value: number): void {
  if (key.key === 'zone') {
    const direction = key.kind === 'ct' ? key.direction : undefined;
    packet.zone = {
      id: value,
      original: direction !== 'reply',
      reply: direction !== 'original',
    };
    return;
  }
  if (key.kind === 'meta') {
    packet.mark = value;
    return;
  }
  const connection = packet.tracking?.connection;
  if (connection !== undefined) connection.mark = value;
}
