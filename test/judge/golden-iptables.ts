/**
 * Plans against moby's golden files of iptables (`iptabler/testdata`, engines 28.2.2 to 29). In: the files, read where they
 * stand. Out: for each, whether the plan gives the same rules in every case that moby's test holds against it.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { builtinChains, findTable, type Ruleset, type TableName } from '../../src/firewall/ruleset.ts';
import { parseSave } from '../../src/firewall/save.ts';
import type { Family } from '../../src/net/addr.ts';
import { planOf } from '../support/plan.ts';
import {
  type Expectation,
  expectationsByName,
  type GoldenVerdict,
  hostOfCase,
  judgeGolden,
} from './golden-case.ts';
import { linesOf } from './rules.ts';

const backend = 'iptables-nft';

/** Judges the golden files of iptables among these; which engine they are of, their names tell. */
export function judgeIptablesGoldens(
  files: readonly string[],
  engine: string | undefined,
): readonly GoldenVerdict[] {
  const expectations = expectationsByName({ ipv4: 'iptables', ipv6: 'ip6tables' });
  return files.filter(isIptables).map((file) => {
    // In 28 the name of the test is the beginning of the file's, in 29 the folder's.
    const name = basename(file, '.golden').replace(/^TestIptabler_/, '');
    const version = engine ?? (file.includes('TestIptabler_') ? '28.5.2' : '29.7.2');
    const family = name.endsWith('__ip6tables') ? 'ipv6' : 'ipv4';
    const { tables } = parseSave(readFileSync(file, 'utf8'), { backend, family, file });
    return judgeGolden(
      {
        name,
        engine: version,
        lines: linesOf({ tables }, family),
        isOfHostPort,
        plannedLines: (expectation) => plannedLines(expectation, version),
      },
      expectations.get(name) ?? [],
    );
  });
}

/** Rules that lead from the host's port 8080 to the container, or keep others from it. */
function isOfHostPort(line: string): boolean {
  return line.includes('--dport 8080') || /-s (\S+) -d \1 .*-j MASQUERADE/.test(line);
}

function isIptables(file: string): boolean {
  return /TestIptabler[/_][^/]*__ip6?tables\.golden$/.test(file);
}

/** Chains and rules of the bridge driver; DOCKER-USER is made elsewhere in the engine. */
function plannedLines(expectation: Expectation, engine: string): readonly string[] {
  const { family } = expectation;
  const { ruleset } = planOf(hostOfCase(expectation, engine, 'iptables'));
  return linesOf(withBuiltinTables(ruleset, family), family).filter((line) => !line.includes('DOCKER-USER'));
}

/** The tables that moby's test lists, which makes them where they were not. */
function withBuiltinTables(ruleset: Ruleset, family: Family): Ruleset {
  const listed: readonly TableName[] = ['raw', 'filter', 'nat'];
  return {
    tables: listed.map(
      (name) =>
        findTable(ruleset, { family, table: name }) ?? {
          ...{ backend, family, name },
          chains: builtinChains[name].map((chain) => ({ name: chain, policy: 'ACCEPT', rules: [] })),
        },
    ),
  };
}
