/**
 * One native nftables base chain asked about one packet: rules and statements in order, jumps, maps, and what they do.
 * In: a packet at a hook. Out: a verdict for this base chain alone, the packet rewritten, and what was hit for the trace.
 * Sources: net/netfilter/nf_tables_core.c (nft_do_chain), nft_nat.c, nft_reject*.c, nft_meta.c, nft_ct.c.
 */
import { typesOf } from '../firewall/nft/data-type.ts';
import { evaluate, lookupVerdict, matchStatement } from '../firewall/nft/match.ts';
import {
  findNftChain,
  type NftChain,
  type NftRule,
  type NftTable,
  type NftVerdict,
  type Statement,
  tableText,
} from '../firewall/nft/model.ts';
import { placesInNftChain } from '../firewall/nft/rule-index.ts';
import { statementFact } from '../firewall/nft/statement-facts.ts';
import { type ChainFrame, leaveChain, nextPlace } from './chain-stack.ts';
import type { HookContext, Verdict } from './hooks.ts';
import {
  command,
  mangle,
  matches,
  type NftPlace,
  nat,
  passes,
  placeText,
  reject,
  ruleText,
  type Step,
} from './nft-effects.ts';
import type { Packet } from './packet.ts';
import { untrack } from './targets.ts';
import type { NftHit } from './trace.ts';

const accept: Verdict = { kind: 'accept' };

/** The kernel allows 16; a hostile listing may loop. */
const maxDepth = 64;

export function runNftChain(context: HookContext, asked: NftPlace): Verdict {
  const { table, base } = asked;
  const hits: NftHit[] = [];
  const done = (verdict: Verdict, text: string): Verdict => {
    if (context.recorder.isOn && (hits.length > 0 || verdict.kind !== 'accept')) {
      context.recorder.step({
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
  const entered = (chain: NftChain, tail: boolean): ChainFrame<NftChain> => {
    return { chain, places: placesInNftChain(chain, context.view), asked: 0, tail };
  };
  const stack = [entered(base, false)];
  for (;;) {
    const frame = stack[stack.length - 1];
    if (frame === undefined) break;
    const place = nextPlace(frame);
    const rule = frame.chain.rules[place];
    if (rule === undefined) {
      leaveChain(stack);
      continue;
    }
    const hit = hitOf(table, frame.chain, place + 1, rule);
    const step = runRule(context, asked, hit, rule);
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
        stack.push(entered(chain, step.kind === 'goto'));
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

/** Statements of a rule act in their order: what was done before one that does not match stays done. */
function runRule(context: HookContext, place: NftPlace, hit: NftHit, rule: NftRule): Step {
  for (const statement of rule.statements) {
    const step = runStatement(context, place, hit, statement);
    if (step !== 'next') return step;
  }
  return 'next';
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
      untrack(packet);
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
