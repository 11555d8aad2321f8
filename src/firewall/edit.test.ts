import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRule, parseRuleArgs } from './args.ts';
import { commandLine } from './command-text.ts';
import { editTable } from './edit.ts';
import { runCommand } from './machine.ts';
import type { Chain, Rule, Ruleset, Table } from './ruleset.ts';

const key = { backend: 'iptables-nft', family: 'ipv4', table: 'filter' } as const;

function rule(text: string): Rule {
  const parsed = parseRuleArgs(text.split(' '), 'ipv4');
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed;
}

function table(
  chains: Readonly<Record<string, readonly string[]>>,
  forward: 'ACCEPT' | 'DROP' = 'ACCEPT',
): Table {
  const builtin = ['INPUT', 'FORWARD', 'OUTPUT'];
  const names = [...builtin, ...Object.keys(chains).filter((name) => !builtin.includes(name))];
  return {
    backend: key.backend,
    family: key.family,
    name: key.table,
    chains: names.map((name): Chain => {
      const rules = (chains[name] ?? []).map(rule);
      if (!builtin.includes(name)) return { name, rules };
      return { name, policy: name === 'FORWARD' ? forward : 'ACCEPT', rules };
    }),
  };
}

function lines(from: Table | undefined, to: Table | undefined): readonly string[] {
  return editTable(from, to).map(commandLine);
}

/** Chains by name as text: what two tables must have in common to be the same. */
function content(ruleset: Ruleset): Readonly<Record<string, readonly string[]>> {
  const entries = ruleset.tables.flatMap((t) =>
    t.chains.map(
      (chain) => [chain.name, [chain.policy ?? '-', ...chain.rules.map((r) => formatRule(r))]] as const,
    ),
  );
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function applied(from: Table, to: Table): Ruleset {
  let ruleset: Ruleset = { tables: [from] };
  for (const command of editTable(from, to)) {
    const result = runCommand(ruleset, key, command);
    if (!result.ok) throw new Error(`${commandLine(command)}: ${result.error.message}`);
    ruleset = result.ruleset;
  }
  return ruleset;
}

describe('editTable', () => {
  test('does nothing when nothing differs', () => {
    const same = table({ FORWARD: ['-j DOCKER'], DOCKER: ['-s 172.17.0.0/16 -j ACCEPT'] });
    expect(lines(same, same)).toEqual([]);
  });

  test('adds only what is missing, where it belongs', () => {
    const from = table({ FORWARD: ['-i a -j ACCEPT', '-i c -j ACCEPT'] });
    const to = table({ FORWARD: ['-i a -j ACCEPT', '-i b -j ACCEPT', '-i c -j ACCEPT', '-i d -j ACCEPT'] });
    expect(lines(from, to)).toEqual(['-I FORWARD 2 -i b -j ACCEPT', '-A FORWARD -i d -j ACCEPT']);
  });

  test('makes chains before jumps to them, and removes chains after', () => {
    const from = table({ FORWARD: ['-j OLD'], OLD: ['-j RETURN'] });
    const to = table({ FORWARD: ['-j NEW'], NEW: ['-j RETURN'] }, 'DROP');
    expect(lines(from, to)).toEqual([
      '-N NEW',
      '-P FORWARD DROP',
      '-D FORWARD -j OLD',
      '-A FORWARD -j NEW',
      '-A NEW -j RETURN',
      '-F OLD',
      '-X OLD',
    ]);
  });

  test('an absent table is an empty one', () => {
    const full = table({ FORWARD: ['-j DROP'] }, 'DROP');
    expect(lines(undefined, full)).toEqual(['-P FORWARD DROP', '-A FORWARD -j DROP']);
    expect(lines(full, undefined)).toEqual(['-P FORWARD ACCEPT', '-D FORWARD -j DROP']);
  });

  test('names one of several equal rules by its number', () => {
    const from = table({ FORWARD: ['-j ACCEPT', '-j DROP', '-j ACCEPT'] });
    const to = table({ FORWARD: ['-j ACCEPT', '-j DROP'] });
    expect(lines(from, to)).toEqual(['-D FORWARD 3']);
  });

  test('counters and reasons are no difference', () => {
    const from = table({ FORWARD: ['-j DROP'] });
    const counted: Table = {
      ...from,
      chains: from.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.map((r) => ({ ...r, counters: { packets: 1, bytes: 60 } })),
      })),
    };
    expect(lines(counted, from)).toEqual([]);
  });

  const anyRule = fc.constantFrom('-i a -j ACCEPT', '-i b -j DROP', '-i c -j ACCEPT', '-j RETURN');
  const anyRules = fc.array(anyRule, { maxLength: 8 });
  const anyTable = fc
    .record({ FORWARD: anyRules, INPUT: anyRules, A: fc.option(anyRules), B: fc.option(anyRules) })
    .chain(({ A, B, ...rest }) =>
      fc.constantFrom('ACCEPT' as const, 'DROP' as const).map((policy) => {
        const own = { ...(A === null ? {} : { A }), ...(B === null ? {} : { B }) };
        const jumps = Object.keys(own).map((name) => `-j ${name}`);
        return table({ ...rest, ...own, FORWARD: [...rest.FORWARD, ...jumps] }, policy);
      }),
    );

  test('its commands turn any table into any other', () => {
    fc.assert(
      fc.property(anyTable, anyTable, (from, to) => {
        expect(content(applied(from, to))).toEqual(content({ tables: [to] }));
      }),
    );
  });

  test('it keeps rules that are in both in the same order', () => {
    fc.assert(
      fc.property(anyRules, fc.nat(8), anyRule, (rules, at, extra) => {
        const longer = [...rules.slice(0, at), extra, ...rules.slice(at)];
        expect(lines(table({ FORWARD: rules }), table({ FORWARD: longer }))).toHaveLength(1);
      }),
    );
  });
});
