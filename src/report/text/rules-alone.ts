/**
 * What rules alone tell of a host, as rows: who made them, the networks, what drops, and what was supposed. In: a RulesAlone and a
 * catalogue. Out: rows; the caller lays them. Nothing is judged here.
 */
import type { Dropper, RulesAlone, SeenNetwork } from '../../diagnosis/rules-alone.ts';
import { firstEngineOf, lastEngineOf } from '../../plan/generation.ts';
import type { Catalogue } from './catalogue.ts';
import { type Row, rowsOf, shorten } from './finding.ts';

const maxNetworks = 12;
const maxDrops = 8;

export function rulesAloneRows(alone: RulesAlone, words: Catalogue): readonly Row[] {
  const { labels } = words;
  return [
    ...rowsOf(labels.engine, [engineText(alone, words), ...driftText(alone, words)]),
    ...rowsOf(labels.networks, shorten(alone.networks.flatMap(networkLines), maxNetworks, words)),
    ...rowsOf(
      labels.drops,
      shorten(
        alone.drops.map((dropper) => dropLine(dropper, words)),
        maxDrops,
        words,
      ),
    ),
    ...rowsOf(labels.supposed, alone.supposed.map(words.phrase)),
  ];
}

function engineText({ engine }: RulesAlone, words: Catalogue): string {
  if (engine === undefined) return words.noEngine;
  const { version, generations = [] } = engine;
  const [oldest, newest] = [generations[0], generations.at(-1)];
  const first = oldest === undefined ? undefined : firstEngineOf(oldest);
  return newest === undefined
    ? version
    : words.engineLike(first ?? lastEngineOf(newest), lastEngineOf(newest));
}

function driftText({ drifted }: RulesAlone, words: Catalogue): readonly string[] {
  return drifted === undefined ? [] : [words.driftedRules(drifted)];
}

function networkLines({ bridge, subnets, internal, containers }: SeenNetwork): readonly string[] {
  const head = [bridge, ...subnets, ...(internal ? ['internal'] : [])].join('  ');
  return [head, ...containers.map(({ address, ports }) => `  ${[address, ...ports].join('  ')}`)];
}

function dropLine({ place, position, rule, packets, at, owner }: Dropper, words: Catalogue): string {
  const notes = [
    ...(owner === undefined ? [] : [owner]),
    ...(packets === undefined ? [] : [words.packets(packets)]),
    ...(at === undefined ? [] : [at.line === undefined ? at.file : `${at.file}:${at.line}`]),
  ];
  const note = notes.length === 0 ? '' : `  (${notes.join(', ')})`;
  return `${place}${position === 0 ? '' : ` #${position}`}  ${rule}${note}`;
}
