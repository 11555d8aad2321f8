/**
 * The English catalogue. What each cause means stands in en-causes.ts.
 */
import type { Catalogue } from './catalogue.ts';
import { list, originText } from './en-cause-words.ts';
import { causes } from './en-causes.ts';

/** `1 flow`, `2 flows`. */
function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function allOf(flows: number): string {
  if (flows === 1) return 'the flow works';
  return flows === 2 ? 'both flows work' : `all ${flows} flows work`;
}

export const english: Catalogue = {
  language: 'en',
  causes,
  // Some summaries end with a rule, and no full stop.
  stopsAlso: (summary, rules) =>
    `${summary}${summary.endsWith('.') ? ' The' : '; the'} same firewall stops more: ${list(rules)}`,
  labels: {
    because: 'because',
    evidence: 'evidence',
    diesAt: 'dies at',
    repair: 'repair',
    or: 'or',
    proof: 'proof',
    price: 'price',
    together: 'together',
    unknown: 'unknown',
    decide: 'decides',
    whatIf: 'what if',
    engine: 'engine',
    networks: 'networks',
    drops: 'drops',
    supposed: 'supposed',
  },
  steps: {
    send: 'send',
    receive: 'in',
    route: 'route',
    hook: 'hook',
    nat: 'nat',
    transmit: 'out',
    bridge: 'bridge',
    proxy: 'proxy',
    drop: 'DIES',
  },
  severity: { error: 'error', warning: 'warning', info: 'as asked' },
  outcome: (outcome) => outcome,
  origin: originText,
  lasts: {
    config: '',
    command: 'at once, on the running system only',
    rule: 'at once, until the rules are made anew',
  },
  phrase: (text) => text,
  failing: (failing, asked) => `${failing} of ${many(asked, 'flow')} ${failing === 1 ? 'fails' : 'fail'}`,
  notDecided: (flows, asked) => `${flows} of ${many(asked, 'flow')} not decided`,
  healthy: (asked) => `healthy: ${allOf(asked)}`,
  healthyBut: (ok, asked) => `no fault found: ${ok} of ${many(asked, 'flow')} ${ok === 1 ? 'works' : 'work'}`,
  undecided: (unknown, asked) => `cannot decide: ${unknown} of ${many(asked, 'flow')} unknown`,
  undecidedFacts: 'cannot decide: the facts are not complete',
  nothingAsked: 'cannot decide: nothing in the facts could be asked',
  faults: (findings, failing, asked) =>
    `${many(findings, 'finding')}; ${failing} of ${many(asked, 'flow')} ${failing === 1 ? 'fails' : 'fail'}`,
  unexplained: (flows) =>
    `${many(flows, 'flow')} ${flows === 1 ? 'fails' : 'fail'}, and no change known here would heal ${flows === 1 ? 'it' : 'them'}:`,
  unknownFlows: (flows) => `not known of ${many(flows, 'flow')}:`,
  rulesAlone: 'only rules are known of this host: not its links, addresses, routes, sysctls and containers',
  noEngine: 'nothing in the rules shows an engine',
  engineLike: (first, last) => `rules like those of ${first === last ? last : `${first} to ${last}`}`,
  driftedRules: (count) =>
    count === 0
      ? 'everything that it makes for these networks is there'
      : `${count} of its rules or chains ${count === 1 ? 'is' : 'are'} missing or out of place: drift lists them`,
  rulesLetPass: (asked) =>
    `cannot decide: the rules let ${asked === 1 ? 'the flow' : `all ${asked} flows`} pass; whether the rest of the host does, a capture of it tells`,
  rulesNothingAsked: 'cannot decide: the rules tell of no network; a capture of the host does',
  expectedUnknown: (why) => `compared with no plan: ${why}`,
  notInFacts: (what) => `not in the facts, and walks rest on it: ${what}`,
  planned: 'planned',
  death: (way, namespace, where) => `${namespace}, ${where} (${way})`,
  onlyWith: (cause, flows) =>
    flows === undefined
      ? `heals only together with the repair of ${cause}`
      : `${flows} of these flows also ${flows === 1 ? 'needs' : 'need'} the repair of ${cause}`,
  proved: (flows) => `simulated with the repair: ${allOf(flows)}`,
  wrongReceiver: 'answered by another',
  alsoAllowed: (flows) => `the repair also lets through ${many(flows, 'flow')}:`,
  nothingElse: 'the repair lets nothing else through',
  routedThere: 'if the outside has a route there',
  more: (count) => `and ${count} more`,
  request: 'request',
  reply: 'reply',
  data: 'data, after the handshake',
  either: (texts) => texts.join(' or '),
  possible: (outcomes, kinds) =>
    kinds === 1 ? `${outcomes}, but by whom or with which source is open` : `either ${outcomes}`,
  bounds: (ifSo, ifNot) => `if so ${ifSo}, if not ${ifNot}`,
  doesNotMatter: 'does not matter here',
  noReply: 'no reply is sent',
  policy: (chain) => `policy of ${chain}`,
  packets: (count) => many(count, 'packet'),
  seenAs: (address) => `seen as ${address}`,
  deliveredTo: (namespace, place) => `delivered to ${namespace} at ${place}`,
  transition: {
    restart: 'after a restart of dockerd with its containers',
    'live-restore': 'after a restart of dockerd, containers run on',
  },
  changesNothing: 'changes nothing here',
  answers: (addresses) => `answer ${addresses}`,
  assumed: (what) => `assumed: ${what}`,
};
