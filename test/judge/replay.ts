/**
 * Judges the replay of a log: the rules that its commands make, over all starts, against what iptables-save showed.
 * In: facts. Out: a verdict for each family. Captures in which something was broken by hand are left out, and those whose engine
 * wrote no iptables rules.
 */
import type { Facts } from '../../src/host/facts.ts';
import { text } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import type { Family } from '../../src/net/addr.ts';
import { readEvents } from '../../src/replay/events.ts';
import { runLog } from '../../src/replay/run.ts';
import { scenarioOf } from './capture.ts';
import { firstDifferences, linesOf, type RulesVerdict } from './rules.ts';

/** Undefined for captures that say nothing about the replay of a log. */
export function judgeReplay(facts: Facts): readonly RulesVerdict[] | undefined {
  if (scenarioOf(facts).kind !== 'config' || !facts.files.has('iptables-save.txt')) return undefined;
  const { state } = hostStateFromFacts(facts);
  const observed = state.namespaces.find((n) => n.kind === 'host')?.firewall ?? { tables: [] };
  const backend = observed.tables[0]?.backend ?? 'iptables-nft';
  const { events } = readEvents(text(facts, 'dockerd.log') ?? '', backend);
  const { ruleset } = runLog(events, () => undefined);
  const families: readonly Family[] = ['ipv4', 'ipv6'];
  return families.map((family) => {
    const differences = firstDifferences(linesOf(ruleset, family), linesOf(observed, family));
    return { family, agree: differences.length === 0, differences };
  });
}
