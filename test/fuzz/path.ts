/**
 * The way of a packet through the rules of a host, as the kernel traced it and as the simulator walked it, in the same words.
 * In: what `nft -a monitor trace` printed, a listing of the rules, hops of a walk. Out: lines, one for each base chain that did something.
 * Sources: nf_tables_core.c (nft_do_chain), nf_tables_trace.c. Legacy iptables is not traced there, and links' chains are not asked about.
 */
import type { Family } from '../../src/net/addr.ts';
import type { Hop, RuleHit, Step, Trace } from '../../src/packet/trace.ts';

/** A base chain asked about one packet. */
export interface Visit {
  /** `ip filter INPUT`. */
  readonly chain: string;
  /** Ports of the packet when it came there; of a ping its identifier is the asking end's. */
  readonly source: number | undefined;
  readonly target: number | undefined;
  /** Rules that were met to their end: `ip filter FOO 12`, the number is the handle. */
  readonly rules: string[];
  /** What ended the evaluation: `accept`, `drop`, `policy accept`. */
  end: string;
}

/** The way of one packet of a flow, as the two have it. */
export interface Trail {
  readonly packet: 'request' | 'reply';
  readonly kernel: readonly string[];
  readonly walked: readonly string[];
}

/** What the kernel traced in a place, and where its rules stand. */
export interface Traced {
  readonly visits: readonly Visit[];
  readonly positions: ReadonlyMap<string, number>;
  /** The families whose connections are tracked. */
  readonly tracked: ReadonlySet<Family>;
}

export function isSame({ kernel, walked }: Trail): boolean {
  return kernel.length === walked.length && kernel.every((line, index) => line === walked[index]);
}

/**
 * The first packet of a flow whose own port is `own`, and the answer to it. What the simulator does not know it cannot be asked about, and
 * an answer neither where the walk has none: what refuses on the way answers in another's name.
 */
export function trailsOf(
  trace: Trace,
  { visits, positions, tracked }: Traced,
  own: number,
): readonly Trail[] {
  const { flow, outcome, hops, reply } = trace;
  if (outcome === 'unknown') return [];
  const family = flow.dst?.family ?? 'ipv4';
  const answers = reply.length > 0 && !hops.some(({ steps }) => steps.some(({ kind }) => kind === 'proxy'));
  const walked = (way: readonly Hop[]): readonly string[] =>
    walkedPath(way, family).filter((line) => tracked.has(family) || !isNat(line));
  const request = tracedPath(visits, own, 'source', positions);
  const answer = answers ? tracedPath(visits, own, 'target', positions) : undefined;
  return [
    ...(request === undefined ? [] : [{ packet: 'request', kernel: request, walked: walked(hops) } as const]),
    ...(answer === undefined ? [] : [{ packet: 'reply', kernel: answer, walked: walked(reply) } as const]),
  ];
}

/** A chain of iptables' nat. Native ones are made with what tracks. */
function isNat(line: string): boolean {
  return /^ip6? nat /.test(line);
}

/** Where tracing begins, at the two places where packets come in. */
export const tracingTable = 'bridgekeeper-trace';

const eventPattern = /^trace id (\S+) (\S+) (\S+) (\S+) (packet:|rule|policy|unknown) ?(.*)$/;
const portsPattern = / (?:tcp|udp) sport (\d+) (?:tcp|udp) dport (\d+)/;
/** Of ICMPv6 nft takes identifier and sequence for the one number that another type has there. */
const echoPattern = / icmp(?:v6)? type echo-(request|reply) .*icmp(?:v6)? (id|parameter-problem) (\d+)/;
/** A comment in the rule may look the same: the last one counts. */
const rulePattern = /handle (\d+) \(verdict (\w+)[^()]*\)$/;

/** Visits in the order in which the packets came to the chains. Throws where a rule's line says no handle. */
export function parseTrace(text: string): readonly Visit[] {
  const visits: Visit[] = [];
  // By the kernel's number of the packet, which others may have before and after.
  const open = new Map<string, Visit>();
  for (const line of text.split('\n')) {
    // The end of a chain that was jumped to is an event without a rule: nothing was met.
    const [, id = '', family, table, chain, kind, rest = ''] = eventPattern.exec(line.trimEnd()) ?? [];
    if (kind === undefined) continue;
    const at = `${family} ${table} ${chain}`;
    if (kind === 'packet:') {
      const visit = { chain: at, ...endsOf(rest), rules: [], end: '' };
      visits.push(visit);
      open.set(id, visit);
      continue;
    }
    const visit = open.get(id);
    if (visit === undefined) continue;
    if (kind === 'policy') visit.end = `policy ${rest.split(' ')[0]}`;
    else {
      const [, handle, verdict = ''] = rulePattern.exec(rest) ?? [];
      if (handle === undefined) throw new Error(`no handle in the trace: ${line}`);
      visit.rules.push(`${at} ${handle}`);
      if (verdict === 'accept' || verdict === 'drop') visit.end = verdict;
    }
  }
  return visits;
}

function endsOf(packet: string): Pick<Visit, 'source' | 'target'> {
  const [, sport, dport] = portsPattern.exec(packet) ?? [];
  if (sport !== undefined) return { source: Number(sport), target: Number(dport) };
  const [, what, field, number] = echoPattern.exec(packet) ?? [];
  const id = number === undefined ? undefined : field === 'id' ? Number(number) : Number(number) >>> 16;
  return what === 'request' ? { source: id, target: undefined } : { source: undefined, target: id };
}

interface ListedRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly expr: readonly object[];
}

function rulesIn(listing: string): readonly ListedRule[] {
  const { nftables } = JSON.parse(listing) as {
    readonly nftables: readonly { readonly rule?: ListedRule }[];
  };
  return nftables.flatMap(({ rule }) => (rule === undefined ? [] : [rule]));
}

/** Positions of rules in their chains, from 1, by family, table, chain and handle, from what `nft -j list ruleset` printed. */
export function positionsIn(listing: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const positions = new Map<string, number>();
  for (const rule of rulesIn(listing)) {
    const chain = `${rule.family} ${rule.table} ${rule.chain}`;
    const position = (counts.get(chain) ?? 0) + 1;
    counts.set(chain, position);
    positions.set(`${chain} ${rule.handle}`, position);
  }
  return positions;
}

const trackingPattern = /"(?:ct|masquerade|snat|dnat|redirect|notrack|synproxy|xt)":/;

/**
 * The families in which a rule needs connections to be tracked. Where none does, nobody tracks (nf_ct_netns_get is called by what needs it:
 * nft_masq_init, nft_ct_get_init), and what stands in nat is not asked (nf_nat_inet_fn). The simulator tracks wherever there are rules:
 * what packets become is the same, since nothing there translates. An extension of iptables may be any, so it counts.
 */
export function trackedIn(listing: string): ReadonlySet<Family> {
  const families = { ip: ['ipv4'], ip6: ['ipv6'], inet: ['ipv4', 'ipv6'] } as const;
  return new Set(
    rulesIn(listing).flatMap(({ family, expr }) =>
      trackingPattern.test(JSON.stringify(expr)) ? (families[family as keyof typeof families] ?? []) : [],
    ),
  );
}

/**
 * The way of the first packet that has `own` as its source, or as its target: what is traced is in the order of the packets, and one that
 * begins where this one began is a later one. Undefined where a chain saw copies of it (a flooded frame): the walk follows one of them.
 */
export function tracedPath(
  visits: readonly Visit[],
  own: number,
  end: 'source' | 'target',
  positions: ReadonlyMap<string, number>,
): readonly string[] | undefined {
  const first = visits.findIndex((visit) => visit[end] === own);
  if (first < 0) return [];
  const begun = new Set<string>();
  const way: Visit[] = [];
  for (const visit of visits.slice(first)) {
    if (visit[end] !== own) continue;
    const begins = beginningOf(visit);
    if (begins === undefined) way.push(visit);
    // What is sent over the host's loopback begins once more where it comes in.
    else if (begun.has(begins) || (begins === 'output' && begun.size > 0)) break;
    else begun.add(begins);
  }
  const asked = way.filter(({ chain }) => isRouted(chain));
  if (new Set(asked.map(({ chain }) => chain)).size < asked.length) return undefined;
  return asked.flatMap(({ chain, rules, end: ended }) =>
    lineOf(
      chain,
      rules.map((rule) => `${rule.split(' ')[2]} ${positions.get(rule) ?? '?'}`),
      ended,
    ),
  );
}

/** The hook at which tracing begins with this visit, if it does. */
function beginningOf({ chain }: Visit): string | undefined {
  const [, table, hook] = chain.split(' ');
  return table === tracingTable ? hook : undefined;
}

/** Chains of the bridge and netdev families may be asked before tracing begins. */
function isRouted(chain: string): boolean {
  return /^(ip|ip6|inet) /.test(chain);
}

/** A chain that let the packet pass without a rule is no station: the walk leaves it out. */
function lineOf(chain: string, rules: readonly string[], end: string): readonly string[] {
  return rules.length === 0 && end === 'policy accept' ? [] : [`${chain}: ${[...rules, end].join(', ')}`];
}

/** The way in the simulator, on the host, until something else speaks there in the packet's place (docker-proxy). */
export function walkedPath(hops: readonly Hop[], family: Family): readonly string[] {
  const steps = hops.flatMap((hop) => hop.steps.map((step) => ({ namespace: hop.namespace, step })));
  const proxied = steps.findIndex(({ step }) => step.kind === 'proxy');
  return steps
    .slice(0, proxied < 0 ? steps.length : proxied)
    .flatMap(({ namespace, step }) =>
      namespace === 'host' && step.kind === 'hook' ? hookLine(step, family) : [],
    );
}

function hookLine(
  { backend, table, chain, verdict, rules }: Extract<Step, { kind: 'hook' }>,
  family: Family,
): readonly string[] {
  if (backend === 'iptables-legacy') return [];
  const named = backend === 'nftables' ? table : `${family === 'ipv4' ? 'ip' : 'ip6'} ${table}`;
  const at = `${named} ${chain}`;
  return isRouted(at) ? lineOf(at, rules.map(hitText), endText(verdict)) : [];
}

function hitText({ chain, position }: RuleHit): string {
  return `${chain} ${position}`;
}

/** To nf_tables a rule that refuses drops, and one that translates accepts (nft_reject_ipv4_eval, nft_nat_eval, xt_nat.c). */
function endText(verdict: string): string {
  const text = verdict.toLowerCase();
  if (text.startsWith('policy ')) return text;
  return text === 'drop' || text === 'reject' ? 'drop' : 'accept';
}
