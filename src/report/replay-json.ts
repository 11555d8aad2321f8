/**
 * What a dockerd log says, as JSON (docs/json.md). In: a LogReading, a difference if one was asked for. Out: a plain object.
 * Names are stable; what messages mean is told in English, since it has no other stable form than its slug.
 */
import { formatRule } from '../firewall/args.ts';
import { isDifferent, type LogDifference } from '../plan/log-difference.ts';
import type { LogReading } from '../plan/log-reading.ts';
import { printNftTables } from '../replay/nft-listing.ts';
import type { ReplayWords } from './text/replay-words.ts';

export interface ReplayJsonInput {
  readonly reading: LogReading;
  readonly compared: { readonly expected?: string; readonly difference: LogDifference } | undefined;
  /** Both families, as `rules --format json` prints them. */
  readonly tables: readonly object[];
  readonly words: ReplayWords;
}

/** `bridgekeeper.replay/1`. */
export function replayJson({ reading, compared, tables, words }: ReplayJsonInput): object {
  const { engine, starts, settings, commands, messages, others } = reading;
  const { replayed, nftTables, entries, passedOver, debug, cut } = reading;
  return {
    schema: 'bridgekeeper.replay/1',
    ...(engine === undefined ? {} : { engine }),
    entries,
    passedOver,
    debug,
    cut,
    starts,
    commands,
    settings,
    tables,
    ...(nftTables.length === 0 ? {} : { nft: printNftTables(nftTables) }),
    conclusions: replayed.conclusions.map(({ line, kind, key, chain, rule }) => ({
      line,
      kind,
      family: key.family,
      table: key.table,
      chain,
      ...(rule === undefined ? {} : { rule: formatRule(rule) }),
    })),
    refused: replayed.refused,
    messages: messages.map(({ known, ...message }) => ({
      ...known,
      ...message,
      ...words.messages[known.slug],
    })),
    others,
    ...(compared === undefined
      ? {}
      : { difference: differenceJson(compared.expected ?? 'plan', compared.difference) }),
  };
}

function differenceJson(expected: string, difference: LogDifference): object {
  const { rules, ...others } = difference;
  return {
    expected,
    different: isDifferent(difference),
    rules: rules.map(({ at, ...rule }) => ({
      ...rule,
      family: at.key.family,
      table: at.key.table,
      chain: at.chain,
      position: at.position,
      rule: formatRule(at.rule),
    })),
    ...others,
  };
}
