/**
 * `-m conntrack` and `-m state`: what a rule asks about the packet's connection (net/netfilter/xt_conntrack.c).
 * In: the module's options. Out: a matcher. Expiry times are not modelled.
 */
import { allOptions, type Matcher, unknownOption } from './conditions.ts';
import { prefixTest, rangeTest } from './match-values.ts';
import type { CtStatus, CtTuple, PacketView, UnknownTruth } from './packet-view.ts';
import { protocolNumber } from './protocols.ts';
import type { ModuleMatch, RuleOption } from './ruleset.ts';
import { ctStates, ctStatuses } from './value-names.ts';

/** `-m state --state LIST`. */
export function stateMatcher(match: ModuleMatch): Matcher {
  return allOptions(match, (option) => (option.name === '--state' ? stateOption(option) : undefined));
}

export function conntrackMatcher(match: ModuleMatch): Matcher {
  const isState = (option: RuleOption) => option.name === '--ctstate';
  const only = (options: readonly RuleOption[]) => allOptions({ ...match, options }, connectionOption);
  const states = match.options.filter(isState);
  const others = match.options.filter((option) => !isState(option));
  const byState = only(states);
  if (others.length === 0) return byState;
  const byConnection = only(others);
  return (view) => {
    const state = byState(view);
    if (state === false) return false;
    // Without a connection the kernel looks at the state alone; asked only for anything else, it does not match.
    if (view.ctState === 'INVALID' || view.ctState === 'UNTRACKED') return states.length > 0 && state;
    const connection = byConnection(view);
    return connection === true ? state : connection;
  };
}

type StateName = (typeof ctStates)[number];

const stateBits: Readonly<Record<StateName, number>> = {
  INVALID: 1,
  NEW: 2,
  RELATED: 4,
  ESTABLISHED: 8,
  UNTRACKED: 16,
  SNAT: 32,
  DNAT: 64,
};

/** SNAT and DNAT count as states of a connection whose addresses are translated. */
function stateOption({ not, values: [text = ''] }: RuleOption): Matcher | undefined {
  const mask = listMask(text, ctStates, (name) => stateBits[name]);
  if (mask === undefined) return undefined;
  const natBits = mask & (stateBits.SNAT | stateBits.DNAT);
  if (natBits === 0) return (view) => ((stateBits[view.ctState] & mask) !== 0) !== not;
  return (view) => {
    const { ctStatus } = view;
    const nat =
      (ctStatus?.snat === true ? stateBits.SNAT : 0) | (ctStatus?.dnat === true ? stateBits.DNAT : 0);
    return (((stateBits[view.ctState] | nat) & mask) !== 0) !== not;
  };
}

/** The bits of a comma list; undefined if an item is not among `names`. */
function listMask<T extends string>(
  text: string,
  names: readonly T[],
  bit: (name: T) => number,
): number | undefined {
  let mask = 0;
  for (const item of text.toUpperCase().split(',')) {
    const name = names.find((n) => n === item);
    if (name === undefined) return undefined;
    mask |= bit(name);
  }
  return mask;
}

const statusFields: Readonly<Record<(typeof ctStatuses)[number], keyof CtStatus | undefined>> = {
  EXPECTED: 'expected',
  SEEN_REPLY: 'seenReply',
  ASSURED: 'assured',
  CONFIRMED: 'confirmed',
  // Adds no bit to the mask, so that alone it matches nothing.
  NONE: undefined,
};

function statusOption({ not, values: [text = ''] }: RuleOption): Matcher | undefined {
  const fields: (keyof CtStatus)[] = [];
  for (const item of text.toUpperCase().split(',')) {
    const name = ctStatuses.find((n) => n === item);
    if (name === undefined) return undefined;
    const field = statusFields[name];
    if (field !== undefined) fields.push(field);
  }
  const unknown: UnknownTruth = { unknown: 'status of the connection', command: 'conntrack -L' };
  return ({ ctStatus }) =>
    ctStatus === undefined ? unknown : fields.some((field) => ctStatus[field]) !== not;
}

function connectionOption(option: RuleOption): Matcher | undefined {
  const { name, not, values } = option;
  const text = values[0] ?? '';
  switch (name) {
    case '--ctstate':
      return stateOption(option);
    case '--ctstatus':
      return statusOption(option);
    case '--ctexpire': {
      const unknown: UnknownTruth = { ...unknownOption('conntrack', option), command: 'conntrack -L' };
      return () => unknown;
    }
    case '--ctproto': {
      const number = protocolNumber(text);
      return number === undefined ? undefined : (view) => (view.protocol === number) !== not;
    }
    case '--ctdir': {
      const wanted = text.toLowerCase();
      if (wanted !== 'original' && wanted !== 'reply') return undefined;
      return (view) => (view.ctDirection === wanted) !== not;
    }
    default:
      return tupleOption(option);
  }
}

/** `--ctorigsrc ADDR`, `--ctrepldstport RANGE` and the like. */
function tupleOption({ name, not, values: [text = ''] }: RuleOption): Matcher | undefined {
  const [, direction, end, port] = /^--ct(orig|repl)(src|dst)(port)?$/.exec(name) ?? [];
  if (direction === undefined) return undefined;
  const pick = (view: PacketView) => (direction === 'orig' ? view.ctOriginal : view.ctReply);
  const test = port === undefined ? addressTest(text, end === 'src') : portTest(text, end === 'src');
  if (test === undefined) return undefined;
  const unknown: UnknownTruth = { unknown: 'addresses of the connection', command: 'conntrack -L' };
  return (view) => {
    const tuple = pick(view);
    return tuple === undefined ? unknown : test(tuple) !== not;
  };
}

function addressTest(text: string, source: boolean): ((tuple: CtTuple) => boolean) | undefined {
  const test = prefixTest(text);
  return test && ((tuple) => test(source ? tuple.src : tuple.dst));
}

function portTest(text: string, source: boolean): ((tuple: CtTuple) => boolean) | undefined {
  const test = rangeTest(text);
  return test && ((tuple) => test((source ? tuple.sport : tuple.dport) ?? 0));
}
