/**
 * Netfilter hooks of one namespace: all tables of all backends by priority, rule by rule, with targets.
 * In: a packet at a hook. Out: a verdict, the packet rewritten, and what was hit for the trace. Native nftables chains
 * take their turn among them (`nft-chain.ts`); one of which only a text is known is decided both ways.
 * Sources: net/netfilter/x_tables.c, xt_*.c, nf_nat_core.c. The order of the stages is `stages.ts`'s subject.
 */

import { matchRule, type PacketView } from '../firewall/match.ts';
import { placesInChain } from '../firewall/rule-index.ts';
import { type Chain, findChain, type Rule, type RuleOption, type Table } from '../firewall/ruleset.ts';
import { type Addr, type Family, parseAddr, sameAddr } from '../net/addr.ts';
import { parsePrefixOrAddr } from '../net/prefix.ts';
import { type ChainFrame, leaveChain, nextPlace } from './chain-stack.ts';
import { applyNat, bindNat, type Conntrack, type NatRange } from './conntrack.ts';
import type { Decisions } from './decisions.ts';
import type { SendError } from './fate.ts';
import { runNftChain } from './nft-chain.ts';
import { familyOf, headerOf, type Packet } from './packet.ts';
import type { Recorder } from './recorder.ts';
import { type Rules, type Stage, stagesOf } from './stages.ts';
import {
  connmark,
  newMark,
  newTos,
  newTtl,
  option,
  segmentSize,
  setTemplate,
  tproxyFact,
  tproxyMark,
} from './target-options.ts';
import { clampMss, mappedAddress, masqueradeAddress, redirectAddress, untrack } from './targets.ts';
import type { Header, IptablesHit, RuleHit } from './trace.ts';
import type { Node, Wire } from './world.ts';

export type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';

export type Verdict =
  | { readonly kind: 'accept' }
  | {
      readonly kind: 'drop';
      readonly where: string;
      readonly why: string;
      readonly rule?: RuleHit;
      /** What a local sender hears of it; EPERM unless told. */
      readonly error?: SendError;
    }
  | { readonly kind: 'reject'; readonly with: string; readonly where: string; readonly rule: RuleHit };

export const accept: Verdict = { kind: 'accept' };

export const noDevices: HookDevices = {
  inDev: undefined,
  outDev: undefined,
  physIn: undefined,
  physOut: undefined,
  nexthop: undefined,
};

/** What a hook needs to know besides the packet. */
export interface HookContext {
  readonly node: Node;
  readonly conntrack: Conntrack;
  readonly decisions: Decisions;
  readonly view: PacketView;
  readonly recorder: Pick<Recorder, 'isOn' | 'step'>;
  /** In OUTPUT: looks for the way again (ip_route_me_harder); the error and its reason where there is none now. */
  readonly reroute?: () => { readonly error: SendError; readonly why: string } | undefined;
}

export interface HookDevices {
  readonly inDev: Wire | undefined;
  readonly outDev: Wire | undefined;
  /** Ports of the bridge, when br_netfilter shows bridged frames to iptables. */
  readonly physIn: Wire | undefined;
  readonly physOut: Wire | undefined;
  /** Next hop, for MASQUERADE's choice of address. */
  readonly nexthop: Addr | undefined;
}

/** Whether anything in this namespace looks at packets of the family; where nothing does, there is no conntrack either. */
export function asksAnything({ facts, unknownRules }: Node, family: Family): boolean {
  return (
    facts.firewall.tables.length > 0 ||
    facts.nft !== undefined ||
    facts.unmodelledHooks.length > 0 ||
    unknownRules[family] !== undefined
  );
}

/** Runs one hook. The packet may be rewritten (NAT, marks); a drop or reject names the rule. */
export function runHook(context: HookContext, hook: Hook, packet: Packet, at: HookDevices): Verdict {
  const { node } = context;
  const unknown = unmodelled(context, hook, packet);
  if (unknown !== undefined) return unknown;
  const file = node.unknownRules[familyOf(packet)];
  if (file !== undefined) return rulesUnknown(context, hook, file, packet);
  if (node.facts.firewall.tables.length === 0 && node.facts.nft === undefined) return accept;
  for (const stage of stagesOf(node, hook, familyOf(packet))) {
    const { mark, dst } = packet;
    const verdict = runStage(context, hook, stage, packet, at);
    if (verdict.kind !== 'accept') return verdict;
    if (context.reroute === undefined || !looksForWayAgain(stage, packet, { mark, dst })) continue;
    const lost = context.reroute();
    if (lost !== undefined)
      return { kind: 'drop', where: 'route after OUTPUT', why: lost.why, error: lost.error };
  }
  return accept;
}

/**
 * At once, so that later rules do not see what has no way, and only there: what other tables and chains mark comes too late for the way
 * (nf_nat_ipv4_local_fn, ipt_mangle_out, nft_route_output).
 */
function looksForWayAgain(stage: Stage, packet: Packet, before: Pick<Packet, 'mark' | 'dst'>): boolean {
  if (stage.kind === 'nat') return !sameAddr(packet.dst, before.dst);
  if (stage.kind !== 'rules' || packet.mark === before.mark) return false;
  return 'base' in stage ? stage.base.base?.type === 'route' : stage.table.name === 'mangle';
}

/** The facts hold no rules of this family: absence is not emptiness, and what they do is anybody's guess. */
function rulesUnknown(context: HookContext, hook: Hook, file: string, packet: Packet): Verdict {
  const tool = familyOf(packet) === 'ipv4' ? 'iptables-save' : 'ip6tables-save';
  const fact = `the rules of ${context.node.name} let the packet pass (${file} is not in the facts)`;
  if (context.decisions.decide(fact, tool)) return accept;
  return { kind: 'drop', where: hook, why: 'rules not in the facts' };
}

function runStage(context: HookContext, hook: Hook, stage: Stage, packet: Packet, at: HookDevices): Verdict {
  switch (stage.kind) {
    case 'conntrack':
      context.conntrack.track(packet);
      return accept;
    case 'confirm':
      context.conntrack.confirm(packet);
      return accept;
    case 'nat':
      return runNat(context, hook, stage.asked, packet, at);
    case 'rules':
      return runRules(context, hook, stage, packet, at);
  }
}

function runRules(context: HookContext, hook: Hook, stage: Rules, packet: Packet, at: HookDevices): Verdict {
  return 'base' in stage
    ? runNftChain(context, { table: stage.table, base: stage.base, hook, packet, at })
    : runTable(context, hook, stage.table, packet, at);
}

function unmodelled(context: HookContext, hook: Hook, packet: Packet): Verdict | undefined {
  const family = familyOf(packet);
  for (const chain of context.node.facts.unmodelledHooks) {
    if (chain.hook.toUpperCase() !== hook || (chain.family !== 'inet' && chain.family !== family)) continue;
    if (chain.lacking !== undefined) {
      // One fact for all hooks: what is there is not known at any of them.
      const fact = `${chain.name} of ${context.node.name} let the packet pass (${chain.lacking})`;
      if (context.decisions.decide(fact, chain.command)) continue;
      return { kind: 'drop', where: hook, why: 'rules not in the facts' };
    }
    const fact = `nftables chain ${chain.name} (hook ${chain.hook}) lets the packet pass`;
    if (context.decisions.decide(fact, 'nft list ruleset')) continue;
    return { kind: 'drop', where: chain.name, why: 'nftables base chain, contents not evaluated' };
  }
  return undefined;
}

/** nf_nat_inet_fn: rules are asked once per connection and direction of manipulation, then headers follow the binding. */
function runNat(
  context: HookContext,
  hook: Hook,
  asked: readonly Rules[],
  packet: Packet,
  at: HookDevices,
): Verdict {
  const manip = hook === 'PREROUTING' || hook === 'OUTPUT' ? 'dst' : 'src';
  const connection = packet.tracking?.connection;
  if (connection === undefined || packet.tracking?.state === 'UNTRACKED') return accept;
  if (packet.tracking?.state === 'NEW' && !(manip === 'src' ? connection.srcDone : connection.dstDone)) {
    for (const rules of asked) {
      const verdict = runRules(context, hook, rules, packet, at);
      if (verdict.kind !== 'accept') return verdict;
      if (manip === 'src' ? connection.srcDone : connection.dstDone) break;
    }
    if (!(manip === 'src' ? connection.srcDone : connection.dstDone)) bindNat(connection, manip, undefined);
  }
  const { recorder } = context;
  const before = recorder.isOn ? headerOf(packet) : undefined;
  if (applyNat(packet, manip) && before !== undefined) {
    const undo = packet.tracking?.direction === 'reply';
    const after = headerOf(packet);
    // A packet over loopback was rewritten already when it was sent.
    if (!sameEnds(before, after)) recorder.step({ kind: 'nat', manip, before, after, undo });
  }
  return accept;
}

function sameEnds(a: Header, b: Header): boolean {
  return sameAddr(a.src, b.src) && sameAddr(a.dst, b.dst) && a.sport === b.sport && a.dport === b.dport;
}

function runTable(context: HookContext, hook: Hook, table: Table, packet: Packet, at: HookDevices): Verdict {
  const base = findChain(table, hook);
  if (base === undefined) return accept;
  const hits: IptablesHit[] = [];
  const done = (verdict: Verdict, text: string): Verdict => {
    const worthTelling = hits.length > 0 || verdict.kind !== 'accept';
    if (worthTelling && context.recorder.isOn) {
      context.recorder.step({
        kind: 'hook',
        backend: table.backend,
        table: table.name,
        chain: hook,
        verdict: text,
        rules: hits,
      });
    }
    return verdict;
  };
  const entered = (chain: Chain, tail: boolean): ChainFrame<Chain> => {
    return { chain, places: placesInChain(chain, context.view), asked: 0, tail };
  };
  const stack = [entered(base, false)];
  for (;;) {
    const frame = stack[stack.length - 1];
    if (frame === undefined) break;
    const index = nextPlace(frame);
    const rule = frame.chain.rules[index];
    if (rule === undefined) {
      leaveChain(stack);
      continue;
    }
    if (!matches(context, table, frame.chain, index, rule)) continue;
    const hit: IptablesHit = {
      backend: table.backend,
      family: table.family,
      table: table.name,
      chain: frame.chain.name,
      position: index + 1,
      rule,
    };
    hits.push(hit);
    const outcome = runTarget(context, table, hook, rule, hit, packet, at);
    switch (outcome.kind) {
      case 'continue':
        continue;
      case 'return':
        leaveChain(stack);
        continue;
      case 'enter':
        if (stack.length > maxDepth)
          return done(
            { kind: 'drop', where: place(table, frame.chain.name), why: 'chains loop', rule: hit },
            'DROP',
          );
        stack.push(entered(outcome.chain, outcome.tail));
        continue;
      case 'verdict':
        return done(outcome.verdict, rule.target?.name ?? 'ACCEPT');
    }
  }
  if (base.policy === 'DROP') {
    const rule: IptablesHit = {
      backend: table.backend,
      family: table.family,
      table: table.name,
      chain: hook,
      position: 0,
    };
    return done({ kind: 'drop', where: place(table, hook), why: 'policy DROP', rule }, 'policy DROP');
  }
  return done(accept, 'policy ACCEPT');
}

const maxDepth = 256;

function place(table: Table, chain: string): string {
  return `${table.name}/${chain}`;
}

function matches(context: HookContext, table: Table, chain: Chain, index: number, rule: Rule): boolean {
  const truth = matchRule(rule, context.view);
  if (typeof truth === 'boolean') return truth;
  const fact = `rule ${index + 1} of ${place(table, chain.name)} matches: ${truth.unknown}`;
  return context.decisions.decide(fact, truth.command);
}

type TargetOutcome =
  | { readonly kind: 'continue' }
  | { readonly kind: 'return' }
  | { readonly kind: 'enter'; readonly chain: Chain; readonly tail: boolean }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

const goOn: TargetOutcome = { kind: 'continue' };
const accepted: TargetOutcome = { kind: 'verdict', verdict: accept };

/** Targets that only observe, or change what no walk looks at. */
const observers = new Set([
  'LOG',
  'NFLOG',
  'ULOG',
  'TRACE',
  'AUDIT',
  'CHECKSUM',
  'CLASSIFY',
  'ECN',
  'LED',
  'RATEEST',
  'SECMARK',
  'CONNSECMARK',
  'IDLETIMER',
  'TEE',
  'SET',
  'TCPOPTSTRIP',
]);

function runTarget(
  context: HookContext,
  table: Table,
  hook: Hook,
  rule: Rule,
  hit: IptablesHit,
  packet: Packet,
  at: HookDevices,
): TargetOutcome {
  const target = rule.target;
  if (target === undefined) return goOn;
  const userChain = findChain(table, target.name);
  if (userChain !== undefined) return { kind: 'enter', chain: userChain, tail: target.kind === 'goto' };
  const where = place(table, hit.chain);
  switch (target.name) {
    case 'ACCEPT':
      return accepted;
    case 'RETURN':
      return { kind: 'return' };
    case 'DROP':
      return { kind: 'verdict', verdict: { kind: 'drop', where, why: 'DROP', rule: hit } };
    case 'REJECT':
      return {
        kind: 'verdict',
        verdict: {
          kind: 'reject',
          with: option(target.options, '--reject-with') ?? 'icmp-port-unreachable',
          where,
          rule: hit,
        },
      };
    case 'MARK':
      packet.mark = newMark(packet.mark, target.options);
      return goOn;
    case 'CONNMARK':
      connmark(packet, target.options);
      return goOn;
    case 'TTL':
    case 'HL':
      packet.ttl = newTtl(packet.ttl, target.options);
      return goOn;
    case 'TOS':
    case 'DSCP':
      packet.tos = newTos(packet.tos, target.options);
      return goOn;
    case 'TPROXY': {
      // Without a socket on that port the packet is dropped (tproxy_tg4); with one its mark decides the way.
      const { unknown, command } = tproxyFact(context.node.name, target.options, packet);
      if (!context.decisions.decide(`${unknown} (rule ${hit.position} of ${where})`, command))
        return {
          kind: 'verdict',
          verdict: { kind: 'drop', where, why: 'TPROXY finds no socket', rule: hit },
        };
      packet.mark = tproxyMark(packet.mark, target.options);
      return accepted;
    }
    case 'NOTRACK':
      untrack(packet);
      return goOn;
    case 'CT':
      setTemplate(packet, target.options);
      return goOn;
    case 'MASQUERADE':
    case 'SNAT':
    case 'DNAT':
    case 'REDIRECT':
    case 'NETMAP':
      return nat(hook, target.name, target.options, packet, at);
    case 'TCPMSS':
      clampMss(segmentSize(target.options), packet, at);
      return goOn;
    default:
      if (observers.has(target.name)) return goOn;
      if (
        context.decisions.decide(
          `target ${target.name} of rule ${hit.position} in ${where} lets the packet pass`,
          target.name.endsWith('QUEUE') ? 'cat /proc/net/netfilter/nfnetlink_queue' : undefined,
        )
      )
        return goOn;
      return {
        kind: 'verdict',
        verdict: { kind: 'drop', where, why: `target ${target.name} is not understood`, rule: hit },
      };
  }
}

function nat(
  hook: Hook,
  name: string,
  options: readonly RuleOption[],
  packet: Packet,
  at: HookDevices,
): TargetOutcome {
  const connection = packet.tracking?.connection;
  if (connection === undefined) return accepted;
  const manip = hook === 'PREROUTING' || hook === 'OUTPUT' ? 'dst' : 'src';
  const range = natRange(hook, name, options, packet, at);
  if (range === 'drop') {
    return {
      kind: 'verdict',
      verdict: { kind: 'drop', where: `nat/${hook}`, why: `${name} finds no address to use` },
    };
  }
  bindNat(connection, manip, range);
  return accepted;
}

function natRange(
  hook: Hook,
  name: string,
  options: readonly RuleOption[],
  packet: Packet,
  at: HookDevices,
): NatRange | 'drop' {
  const ports = option(options, '--to-ports');
  switch (name) {
    case 'MASQUERADE': {
      const address = masqueradeAddress(at, packet);
      return address === undefined ? 'drop' : { address, port: firstPort(ports) };
    }
    case 'REDIRECT': {
      const address = redirectAddress(hook, at, packet);
      return address === undefined ? 'drop' : { address, port: firstPort(ports) };
    }
    case 'NETMAP': {
      const prefix = parsePrefixOrAddr(option(options, '--to') ?? '');
      const before = hook === 'PREROUTING' || hook === 'OUTPUT' ? packet.dst : packet.src;
      const address = prefix === undefined ? undefined : mappedAddress(before, prefix);
      return address === undefined ? 'drop' : { address, port: undefined };
    }
    default: {
      const to = option(options, name === 'SNAT' ? '--to-source' : '--to-destination') ?? '';
      return parseTo(to);
    }
  }
}

/** `1.2.3.4[-1.2.3.9][:80[-90]]`, `:80`, or `[fd00::1]:80`; of a range the first is taken. */
function parseTo(text: string): NatRange {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?/.exec(text);
  if (bracketed !== null) return { address: parseAddr(bracketed[1] ?? ''), port: firstPort(bracketed[2]) };
  const plainIpv6 = text.split(':').length > 2;
  if (plainIpv6) return { address: parseAddr(text.split('-')[0] ?? ''), port: undefined };
  const [addresses = '', ports] = text.split(':');
  return { address: parseAddr(addresses.split('-')[0] ?? ''), port: firstPort(ports) };
}

function firstPort(text: string | undefined): number | undefined {
  const match = /^(\d+)/.exec(text ?? '');
  return match === null ? undefined : Number(match[1]);
}
