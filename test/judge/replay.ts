/**
 * Judges the replay of a log: the rules that its commands make, over all starts, against what iptables-save showed.
 * In: facts. Out: a verdict for each family. Captures in which something was broken by hand are left out, and those whose engine
 * wrote no iptables rules.
 */
import type { Facts } from '../../src/host/facts.ts';
import { text } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import type { Family } from '../../src/net/addr.ts';
import { type LogEvent, readEvents } from '../../src/replay/events.ts';
import { nftTablesOf, printNftTables } from '../../src/replay/nft-listing.ts';
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
  const native = nativeLines(events);
  const listing = text(facts, 'nft-ruleset.txt') ?? '';
  const families: readonly Family[] = ['ipv4', 'ipv6'];
  return families.map((family) => {
    const table = family === 'ipv4' ? 'table ip docker-bridges' : 'table ip6 docker-bridges';
    const differences = [
      ...firstDifferences(linesOf(ruleset, family), linesOf(observed, family)),
      ...(native === '' ? [] : firstDifferences(nftLines(native, table), nftLines(listing, table))),
    ];
    return { family, agree: differences.length === 0, differences };
  });
}

function nativeLines(events: readonly LogEvent[]): string {
  return printNftTables(nftTablesOf(events));
}

/** Lines of one table, each with its chain or map, in the order of their names; as nft writes them, without counters. */
function nftLines(listing: string, table: string): readonly string[] {
  const block = listing.split(/^(?=table )/m).find((text) => text.startsWith(`${table} {`)) ?? '';
  return block
    .split(/^(?=\t(?:chain|map) )/m)
    .slice(1)
    .toSorted()
    .flatMap((part) => {
      const [head = '', ...lines] = part.replace(/,\n\s+/g, ', ').split('\n');
      return lines.map((line) => `${head.trim()} ${plainNft(line.trim())}`);
    });
}

/** What nft changes when it prints a rule that the daemon wrote. */
function plainNft(line: string): string {
  return line
    .replace(/ packets \d+ bytes \d+/g, '')
    .replace(/"/g, '')
    .replace(/== /g, '')
    .replace(/\{ (.*) \}/g, (_, elements: string) => elements.split(', ').toSorted().join(', '))
    .replace('127.0.0.1/8', '127.0.0.0/8')
    .replace(/\bmark (0x)?0*(?=\d)/g, 'mark ')
    .replace(/priority (\S+);/, (_, priority: string) => `priority ${priorities[priority] ?? priority};`)
    .replace(/^\}$/, '');
}

const priorities: Readonly<Record<string, string>> = {
  '-300': 'raw',
  '-100': 'dstnat',
  '0': 'filter',
  '100': 'srcnat',
};
