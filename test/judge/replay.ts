/**
 * Judges the replay of a log: the rules that its commands make, over all starts, against what iptables-save showed.
 * In: facts. Out: a verdict for each family. Captures in which something was broken by hand are left out, and those whose engine
 * wrote no iptables rules.
 */
import { type NftTable, nftFamilies } from '../../src/firewall/nft/model.ts';
import { nftLines } from '../../src/firewall/nft/print.ts';
import type { Facts } from '../../src/host/facts.ts';
import { text } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import type { Family } from '../../src/net/addr.ts';
import { readEvents } from '../../src/replay/events.ts';
import { nftTableLines, nftTablesOf } from '../../src/replay/nft-listing.ts';
import { runLog } from '../../src/replay/run.ts';
import { scenarioOf } from './capture.ts';
import { firstDifferences, linesOf, type RulesVerdict } from './rules.ts';

/** Undefined for captures that say nothing about the replay of a log. */
export function judgeReplay(facts: Facts): readonly RulesVerdict[] | undefined {
  if (scenarioOf(facts).kind !== 'config' || !facts.files.has('iptables-save.txt')) return undefined;
  const { state } = hostStateFromFacts(facts);
  const host = state.namespaces.find((n) => n.kind === 'host');
  const observed = host?.firewall ?? { tables: [] };
  const backend = observed.tables[0]?.backend ?? 'iptables-nft';
  const { events } = readEvents(text(facts, 'dockerd.log') ?? '', backend);
  const { ruleset } = runLog(events, () => undefined);
  const native = nftTablesOf(events);
  const families: readonly Family[] = ['ipv4', 'ipv6'];
  return families.map((family) => {
    const ofFamily = (tables: readonly NftTable[]) =>
      tables.filter((table) => table.family === nftFamilies[family] && table.name === 'docker-bridges');
    const listed = inBlocks(
      ofFamily(host?.nft?.tables ?? [])
        .flatMap(nftLines)
        .map(({ text }) => text),
    );
    const made = inBlocks(
      native.filter((table) => table.family === nftFamilies[family]).flatMap(nftTableLines),
    );
    const differences = [
      ...firstDifferences(linesOf(ruleset, family), linesOf(observed, family)),
      ...firstDifferences(made, listed),
    ];
    return { family, agree: differences.length === 0, differences };
  });
}

/** Lines with the chain or map that they are in, these in the order of their names. */
function inBlocks(lines: readonly string[]): readonly string[] {
  let block = '';
  return lines
    .map((text) => {
      if (text.endsWith(' {')) block = text.trim();
      return [block, text.trim()] as const;
    })
    .toSorted(([a], [b]) => a.localeCompare(b))
    .filter(([, text]) => text !== '' && text !== '}')
    .map((both) => both.join(' '));
}
