/**
 * The iptables machine against the real iptables, nft- and legacy-backed: random command sequences must succeed and
 * fail alike and end in the same rules; and rules must be brought to the form that the real one prints.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRule, isRuleError, parseRuleArgs } from '../../src/firewall/args.ts';
import { parseCommand } from '../../src/firewall/command.ts';
import { runCommand } from '../../src/firewall/machine.ts';
import { type Backend, emptyRuleset, type Ruleset } from '../../src/firewall/ruleset.ts';
import { printSave } from '../../src/firewall/save.ts';
import { inNamespace, namespacesUnavailable } from './in-namespace.ts';
import { filterSpecs, mangleSpecs, natSpecs, rawSpecs } from './rule-specs.ts';

const programs: Readonly<Record<Backend, string>> = {
  'iptables-nft': 'iptables-nft',
  'iptables-legacy': 'iptables-legacy',
};
const backends = Object.keys(programs) as Backend[];

/** Why a backend cannot be tried here; undefined if it can. */
function unavailable(backend: Backend): string | undefined {
  const reason = namespacesUnavailable();
  if (reason !== undefined) return reason;
  const program = programs[backend];
  const [made] = inNamespace([[program, '-A', 'INPUT', '-j', 'ACCEPT']]);
  return made?.status === 0 ? undefined : `${program} does not work here: ${made?.stderr.trim()}`;
}

/** In a user namespace iptables-legacy-save may not read the list of tables (/proc/net/ip_tables_names) and prints none. */
function listsTables(backend: Backend): boolean {
  return backend === 'iptables-nft' || process.getuid?.() === 0;
}

const chain = fc.constantFrom('INPUT', 'FORWARD', 'OUTPUT', 'a', 'b', 'c', 'missing');
const userChain = fc.constantFrom('a', 'b', 'c', 'missing');
const rule = fc.constantFrom(
  ...[
    '-j ACCEPT',
    '-j RETURN',
    '-j DROP',
    '-j a',
    '-j b',
    '-j c',
    '-g b',
    '-j missing',
    '-j FORWARD',
    '-g ACCEPT',
  ],
  ...[
    '-o eth1 -j c',
    '-p tcp --dport 80 -j ACCEPT',
    '-s 10.0.0.0/8 ! -i eth0 -j a',
    '-p udp -j b',
    '-m mark --mark 1',
    '',
  ],
);
const number = fc.integer({ min: 1, max: 4 }).map(String);
const some = (weight: number, arbitrary: fc.Arbitrary<string>) => ({ weight, arbitrary });
const line = (verb: string, ...parts: fc.Arbitrary<string>[]) =>
  fc.tuple(...parts).map((words) => [verb, ...words].join(' '));
const command = fc.oneof(
  some(
    4,
    line(
      '-N',
      fc.oneof(
        chain,
        fc.constantFrom('DROP', 'a-name-of-twenty-eight-chars', 'a-name-of-twenty-nine-chars-x'),
      ),
    ),
  ),
  some(7, line('-A', chain, rule)),
  some(4, line('-I', chain, rule)),
  some(3, line('-I', chain, number, rule)),
  some(3, line('-D', chain, rule)),
  some(3, line('-D', chain, number)),
  some(3, line('-C', chain, rule)),
  some(2, line('-F', chain)),
  some(3, line('-X', userChain)),
  some(1, fc.constantFrom('-F', '-X')),
  some(2, line('-P', chain, fc.constantFrom('ACCEPT', 'DROP'))),
);
const sequence = fc.array(fc.tuple(fc.constantFrom('filter', 'filter', 'nat', 'mangle'), command), {
  minLength: 25,
  maxLength: 40,
});

/** One command on the machine: whether it succeeded, why not, and what is there then. */
function onMachine(ruleset: Ruleset, backend: Backend, words: readonly string[]) {
  const parsed = parseCommand(words, { backend, family: 'ipv4' });
  if (isRuleError(parsed)) return { ruleset, error: parsed.error };
  const result = runCommand(ruleset, parsed, parsed.command);
  return { ruleset: result.ruleset, error: result.ok ? undefined : result.error.message };
}

describe.each(backends)('%s', (backend) => {
  const reason = unavailable(backend);
  const program = programs[backend];
  if (reason !== undefined) console.warn(`skipped: ${reason}`);

  test.skipIf(reason !== undefined)(
    'random commands end as in the kernel',
    () => {
      const seed = Number(process.env.FIREWALL_MACHINE_SEED ?? 20_260_101);
      const runs = Number(process.env.FIREWALL_MACHINE_RUNS ?? 14);
      for (const random of fc.sample(sequence, { seed, numRuns: runs })) {
        const lines = [...['a', 'b', 'c'].map((name) => ['filter', `-N ${name}`] as const), ...random];
        const commands = lines.map(([table, text]) => [
          '-t',
          table,
          ...text.split(' ').filter((w) => w !== ''),
        ]);
        let ruleset = emptyRuleset;
        const errors = commands.map((words) => {
          const after = onMachine(ruleset, backend, words);
          ruleset = after.ruleset;
          return after.error;
        });
        const tables = ruleset.tables.map((table) => [`${program}-save`, '-t', table.name]);
        const saves = listsTables(backend) ? [[`${program}-save`]] : tables;
        const outcomes = inNamespace([...commands.map((words) => [program, ...words]), ...saves]);
        const history: string[] = [];
        for (const [index, words] of commands.entries()) {
          const real = outcomes[index];
          const kernel = real?.stderr.trim() || 'ok';
          history.push(`${words.join(' ')}   machine: ${errors[index] ?? 'ok'}   kernel: ${kernel}`);
          expect(errors[index] === undefined, history.join('\n')).toBe(real?.status === 0);
        }
        const saved = outcomes.slice(commands.length).map((outcome) => withoutComments(outcome.stdout));
        expect(printSave(ruleset, { family: 'ipv4' }), history.join('\n')).toBe(saved.join(''));
      }
    },
    120_000,
  );

  const specs = { filter: filterSpecs, nat: natSpecs, mangle: mangleSpecs, raw: rawSpecs };
  test.skipIf(reason !== undefined).each(Object.entries(specs))(
    'rules are printed as in %s',
    (table, lines) => {
      const outcomes = inNamespace([
        [program, '-t', table, '-N', 'c'],
        [program, '-t', table, '-N', 'other'],
        ...lines.map((args) => [program, '-t', table, '-A', 'c', ...args]),
        [`${program}-save`, '-t', table],
      ]);
      // What this kernel has no module for is refused, and not compared.
      const taken = lines.filter((_, index) => outcomes[index + 2]?.status === 0);
      const saved = (outcomes.at(-1)?.stdout ?? '').split('\n').filter((l) => l.startsWith('-A c'));
      const ours = taken.map((args) => {
        const parsed = parseRuleArgs(args, 'ipv4');
        return isRuleError(parsed) ? parsed.error : `-A c ${formatRule(parsed)}`.trimEnd();
      });
      expect(ours).toEqual(saved);
      expect(taken.length).toBeGreaterThan(lines.length / 2);
    },
  );
});

function withoutComments(text: string): string {
  return text
    .split('\n')
    .filter((l) => !l.startsWith('#'))
    .join('\n');
}
