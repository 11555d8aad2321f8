/**
 * Plans against moby's golden files of nftables (`nftabler/testdata`, engine 29). In: the files, read where they stand. Out: for
 * each, whether the plan gives the same table in every case that moby's test holds against it.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { nftFamilies } from '../../src/firewall/nft/model.ts';
import { printNft } from '../../src/firewall/nft/print.ts';
import { planOf } from '../support/plan.ts';
import {
  type Expectation,
  expectationsByName,
  type GoldenVerdict,
  hostOfCase,
  judgeGolden,
} from './golden-case.ts';

/** Judges the golden files of nftables among these. */
export function judgeNftGoldens(
  files: readonly string[],
  engine: string | undefined,
): readonly GoldenVerdict[] {
  const expectations = expectationsByName(nftFamilies);
  const version = engine ?? '29.7.2';
  return files.filter(isNft).map((file) => {
    const name = basename(file, '.golden');
    return judgeGolden(
      {
        name,
        engine: version,
        lines: linesOf(readFileSync(file, 'utf8')),
        isOfHostPort,
        plannedLines: (expectation) => plannedLines(expectation, version),
      },
      expectations.get(name) ?? [],
    );
  });
}

/** Rules that lead from the host's port 8080 to the container, or keep others from it. */
function isOfHostPort(line: string): boolean {
  return line.includes('dport 8080') || line.includes('"MASQ TO OWN PORT"');
}

function isNft(file: string): boolean {
  return /TestNftabler\/[^/]*__ip6?\.golden$/.test(file);
}

/** The listing without counts; indentation and blank lines mean nothing. */
function linesOf(listing: string): readonly string[] {
  return listing
    .split('\n')
    .map((line) => line.trim().replace(/counter packets \d+ bytes \d+/, 'counter'))
    .filter((line) => line !== '');
}

function plannedLines(expectation: Expectation, engine: string): readonly string[] {
  const { nft } = planOf(hostOfCase(expectation, engine, 'nftables'));
  return linesOf(printNft(nft.tables.filter(({ family }) => family === nftFamilies[expectation.family])));
}
