/**
 * What would decide a statement that the model does not follow. In: a statement kept as its JSON. Out: a fact in a short phrase,
 * and the one command that shows it. Which way the rule goes on is the packet walker's subject.
 */
import type { UnknownTruth } from '../packet-view.ts';
import type { Statement } from './model.ts';

/** Longer JSON is hostile, or a list that nobody reads in a sentence. */
const maxShown = 200;

const facts: Readonly<Record<string, UnknownTruth>> = {
  queue: {
    unknown: 'what the program that reads the queue decides',
    command: 'cat /proc/net/netfilter/nfnetlink_queue',
  },
  tproxy: { unknown: 'whether a transparent socket takes the packet', command: 'ss -tulnp' },
  synproxy: { unknown: 'whether the client ends its handshake with the proxy', command: 'nft list ruleset' },
  fwd: { unknown: 'what becomes of the frame behind the device that it is moved to' },
  'ct count': { unknown: 'how many connections there are', command: 'conntrack -L' },
  connlimit: { unknown: 'how many connections there are', command: 'conntrack -L' },
};

/** The fact behind an unknown statement; for one that nobody here knows, its JSON. */
export function statementFact({ name, json }: Extract<Statement, { kind: 'unknown' }>): UnknownTruth {
  const shown = json.length > maxShown ? `${json.slice(0, maxShown)}...` : json;
  const fact = facts[name];
  return fact === undefined
    ? { unknown: `${name} (${shown})`.trim(), command: 'nft list ruleset' }
    : { ...fact, unknown: `${fact.unknown} (${shown})` };
}
