/**
 * One native nftables base chain asked about one packet: rules and statements in order, jumps, maps, and what they do.
 * In: a packet at a hook. Out: a verdict for this base chain alone, the packet rewritten, and what was hit for the trace.
 * Sources: net/netfilter/nf_tables_core.c (nft_do_chain), nft_nat.c, nft_reject*.c, nft_meta.c, nft_ct.c.
 */
import { type DataType, typesOf, type Value } from '../firewall/nft/data-type.ts';
import { evaluate, lookupVerdict, matchStatement } from '../firewall/nft/match.ts';
import {
  type Expression,
  findNftChain,
  type NftChain,
  type NftRule,
  type NftTable,
  type NftVerdict,
  type Statement,
  tableText,
} from '../firewall/nft/model.ts';
import { statementFact } from '../firewall/nft/statement-facts.ts';
import type { UnknownTruth } from '../firewall/packet-view.ts';
import { type Addr, ipv4, ipv6 } from '../net/addr.ts';
import { type Prefix, parsePrefixOrAddr } from '../net/prefix.ts';
import { type ChainFrame, leaveChain } from './chain-stack.ts';
import { bindNat } from './conntrack.ts';
import type { Hook, HookContext, HookDevices, Verdict } from './hooks.ts';
import { familyOf, type Packet } from './packet.ts';
import { clampMss, mappedAddress, masqueradeAddress, redirectAddress, untrack } from './targets.ts';
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
type Step = 'next' | 'break' | NftVerdict | { readonly kind: 'stop'; readonly verdict: Verdict };

const accept: Verdict = { kind: 'accept' };

/** The kernel allows 16; a hostile listing may loop. */
const maxDepth = 64;

export function runNftChain(context: HookContext, place: NftPlace): Verdict {
  const { table, base } = place;
  const hits: NftHit[] = [];
  const done = (verdict: Verdict, text: string): Verdict => {
    if (hits.length > 0 || verdict.kind !== 'accept') {
      context.record({
        kind: 'hook',
        backend: 'nftables',
        table: tableText(table),
        chain: base.name,
        verdict: text,
        rules: hits,
      });
    }
    return verdict;
  };
  const stack: ChainFrame<NftChain>[] = [{ chain: base, next: 0, tail: false }];
  for (;;) {
    const frame = stack[stack.length - 1];
    if (frame === undefined) break;
    const rule = frame.chain.rules[frame.next];
    if (rule === undefined) {
      leaveChain(stack);
      continue;
    }
    frame.next += 1;
    const hit = hitOf(table, frame.chain, frame.next, rule);
    const step = runRule(context, place, hit, rule);
    if (step === 'break') continue;
    hits.push(hit);
    if (step === 'next') continue;
    switch (step.kind) {
      case 'continue':
        continue;
      case 'return':
        leaveChain(stack);
        continue;
      case 'accept':
        return done(accept, 'accept');
      case 'drop':
        return done({ kind: 'drop', where: placeText(hit), why: 'DROP', rule: hit }, 'drop');
      case 'stop':
        return done(step.verdict, step.verdict.kind);
      case 'jump':
      case 'goto': {
        const chain = findNftChain(table, step.chain);
        if (chain === undefined || stack.length > maxDepth)
          return done({ kind: 'drop', where: placeText(hit), why: 'chains loop', rule: hit }, 'drop');
        stack.push({ chain, next: 0, tail: step.kind === 'goto' });
      }
    }
  }
  if (base.base?.policy !== 'drop') return done(accept, 'policy accept');
  const rule = hitOf(table, base, 0, undefined);
  return done({ kind: 'drop', where: placeText(rule), why: 'policy DROP', rule }, 'policy drop');
}

function hitOf(table: NftTable, chain: NftChain, position: number, rule: NftRule | undefined): NftHit {
  return {
    backend: 'nftables',
    table: tableText(table),
    chain: chain.name,
    position,
    ...(rule === undefined ? {} : { rule }),
  };
}

function placeText(hit: NftHit): string {
  return `${hit.table} ${hit.chain}`;
}

/** Statements of a rule act in their order: what was done before one that does not match stays done. */
function runRule(context: HookContext, place: NftPlace, hit: NftHit, rule: NftRule): Step {
  for (const statement of rule.statements) {
    const step = runStatement(context, place, hit, statement);
    if (step !== 'next') return step;
  }
  return 'next';
}

const command = 'nft list ruleset';

function ruleText(hit: NftHit): string {
  return `rule ${hit.position} of ${placeText(hit)}`;
}

/** A condition that the facts do not decide. */
function matches(context: HookContext, hit: NftHit, truth: boolean | UnknownTruth): Step {
  if (typeof truth === 'boolean') return truth ? 'next' : 'break';
  return context.decisions.decide(`${ruleText(hit)} matches: ${truth.unknown}`, truth.command)
    ? 'next'
    : 'break';
}

/** Something is done to the packet that is not understood: it may pass or die. */
function passes(context: HookContext, hit: NftHit, what: string, shownBy = command): Step {
  if (context.decisions.decide(`${what} of ${ruleText(hit)} lets the packet pass`, shownBy)) return 'next';
  const where = placeText(hit);
  return { kind: 'stop', verdict: { kind: 'drop', where, why: `${what} is not understood`, rule: hit } };
}

/** Unknown statements that end the rule or go on, and do nothing else. */
const conditions: ReadonlySet<string> = new Set([
  'match',
  'quota',
  'limit',
  'ct count',
  'connlimit',
  'set',
  'map',
  'meter',
  'xt match',
]);

function runStatement(context: HookContext, place: NftPlace, hit: NftHit, statement: Statement): Step {
  const { table, packet } = place;
  switch (statement.kind) {
    case 'match':
      return matches(context, hit, matchStatement(table, statement, context.view));
    case 'verdict':
      return statement.verdict;
    case 'vmap': {
      const found = lookupVerdict(table, statement, context.view);
      if (found === undefined) return 'break';
      if (!('unknown' in found)) return found;
      const taken = found.candidates.find((verdict) =>
        context.decisions.decide(
          `the map of ${ruleText(hit)} gives ${verdictText(verdict)}: ${found.unknown}`,
          found.command,
        ),
      );
      return taken ?? 'break';
    }
    case 'nat':
      return nat(context, place, hit, statement);
    case 'reject':
      return reject(packet, hit, statement);
    case 'mangle':
      return mangle(context, place, hit, statement);
    case 'notrack':
      // After conntrack it does nothing (nft_notrack_eval).
      if (packet.tracking === undefined) untrack(packet);
      return 'next';
    case 'limit': {
      const { burst, over } = statement;
      // A bucket that fills while a conversation waits does not end it.
      const within = burst === undefined || context.decisions.takeToken(statement, burst);
      return within === over ? 'break' : 'next';
    }
    case 'quota':
      return isOver(statement.used, statement.bytes, packet) === statement.over ? 'next' : 'break';
    case 'named':
      return named(context, place, hit, statement);
    case 'update':
      return update(context, place, hit, statement);
    case 'observe':
      return 'next';
    case 'unknown': {
      const fact = statementFact(statement);
      return conditions.has(statement.name)
        ? matches(context, hit, fact)
        : passes(context, hit, fact.unknown, fact.command);
    }
  }
}

/** nft_overquota: the packet that reaches the limit is over it. */
function isOver(used: bigint, bytes: bigint, packet: Packet): boolean {
  return used + BigInt(packet.length) >= bytes;
}

/** A quota or limit that stands in the table by name. */
function named(
  context: HookContext,
  { table, packet }: NftPlace,
  hit: NftHit,
  { object, name }: Extract<Statement, { kind: 'named' }>,
): Step {
  const body = table.objects?.find((o) => o.kind === object && o.name === name)?.body;
  const over = body?.inv === true;
  if (object === 'limit' && body !== undefined) return over ? 'break' : 'next';
  const { bytes, used = 0 } = body ?? {};
  if (isCount(bytes) && isCount(used))
    return isOver(BigInt(used), BigInt(bytes), packet) === over ? 'next' : 'break';
  return matches(context, hit, { unknown: `the ${object} ${name}`, command });
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** nft_dynset_eval: without the key's parts the rule ends; then the statements of the element decide. */
function update(
  context: HookContext,
  place: NftPlace,
  hit: NftHit,
  { key, statements }: Extract<Statement, { kind: 'update' }>,
): Step {
  if (evaluate(place.table, key, typesOf(key), context.view) === undefined) return 'break';
  for (const statement of statements) {
    const step = runStatement(context, place, hit, statement);
    if (step !== 'next') return step;
  }
  return 'next';
}

function verdictText(verdict: NftVerdict): string {
  return 'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
}

/** Families that a statement is for: nft prints no condition for what `icmp` or `ip to` implies. */
function isFor(family: string | undefined, packet: Packet): boolean {
  return family === undefined || (family === 'ip6') === (familyOf(packet) === 'ipv6');
}

function reject(packet: Packet, hit: NftHit, { type, code }: Extract<Statement, { kind: 'reject' }>): Step {
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

function nat(context: HookContext, place: NftPlace, hit: NftHit, statement: NatStatement): Step {
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

function mangle(context: HookContext, place: NftPlace, hit: NftHit, { key, value }: MangleStatement): Step {
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
