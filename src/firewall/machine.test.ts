import { describe, expect, test } from 'vitest';
import { isRuleError, parseRuleArgs } from './args.ts';
import { parseCommand } from './command.ts';
import { runCommand, runOperations } from './machine.ts';
import type { Command, Operation } from './operation.ts';
import { type Backend, emptyRuleset, type Rule, type Ruleset } from './ruleset.ts';
import { printSave } from './save.ts';

/** Runs commands, all but the last of which must succeed. */
function run(backend: Backend, ...lines: readonly string[]) {
  let ruleset: Ruleset = emptyRuleset;
  let error: { kind: string; message: string } | undefined;
  for (const line of lines) {
    if (error !== undefined) throw new Error(`${error.message} before: ${line}`);
    const parsed = parseCommand(line.split(' '), { backend, family: 'ipv4' });
    if (isRuleError(parsed)) throw new Error(parsed.error);
    const result = runCommand(ruleset, parsed, parsed.command);
    ruleset = result.ruleset;
    error = result.ok ? undefined : result.error;
  }
  return {
    ruleset,
    error,
    kind: error?.kind,
    message: error?.message,
    text: printSave(ruleset, { family: 'ipv4' }),
  };
}

/** The rules of what was run, without tables and chains. */
function rules(backend: Backend, ...lines: readonly string[]): string[] {
  const { text, error } = run(backend, ...lines);
  if (error !== undefined) throw new Error(error.message);
  return text.split('\n').filter((line) => line.startsWith('-A'));
}

describe.each(['iptables-nft', 'iptables-legacy'] as const)('%s', (backend) => {
  test('-A, -I and -D put rules where iptables puts them', () => {
    const three = ['-A INPUT -p tcp', '-A INPUT -p udp', '-I INPUT -p icmp'];
    expect(rules(backend, ...three)).toEqual(['-A INPUT -p icmp', '-A INPUT -p tcp', '-A INPUT -p udp']);
    expect(rules(backend, ...three, '-I INPUT 3 -p sctp')[2]).toBe('-A INPUT -p sctp');
    expect(rules(backend, ...three, '-I INPUT 4 -p sctp')[3]).toBe('-A INPUT -p sctp');
    expect(rules(backend, ...three, '-D INPUT 3')).toEqual(['-A INPUT -p icmp', '-A INPUT -p tcp']);
    expect(rules(backend, ...three, '-D INPUT 2')).toEqual(['-A INPUT -p icmp', '-A INPUT -p udp']);
    expect(rules(backend, ...three, '-A INPUT -p icmp', '-D INPUT -p icmp')[2]).toBe('-A INPUT -p icmp');
  });

  test('chains stand in the order of their names, after the built-in ones', () => {
    const { text } = run(backend, '-t raw -N b', '-t raw -N a', '-t raw -N B', '-t raw -N c');
    expect(text.match(/^:\S+/gm)).toEqual([':PREROUTING', ':OUTPUT', ':B', ':a', ':b', ':c']);
  });

  test('policies', () => {
    expect(run(backend, '-P FORWARD DROP').text).toContain(':FORWARD DROP [0:0]');
    expect(run(backend, '-N a', '-P a DROP').message).toBe('Bad built-in chain name.');
    expect(run(backend, '-t nat -P OUTPUT DROP').kind).toBe('bad-target');
  });

  test('-F empties one chain or all, and keeps them', () => {
    const made = ['-N a', '-A a -j RETURN', '-A INPUT -j a'];
    expect(rules(backend, ...made, '-F a')).toEqual(['-A INPUT -j a']);
    expect(rules(backend, ...made, '-F')).toEqual([]);
    expect(run(backend, ...made, '-F').text).toContain(':a - [0:0]');
    expect(run(backend, '-F missing').kind).toBe('no-chain');
  });

  test('errors of rules', () => {
    expect(run(backend, '-N a', '-N a').message).toBe('Chain already exists.');
    expect(run(backend, '-N INPUT').kind).toBe('chain-exists');
    expect(run(backend, '-A missing -j ACCEPT').message).toBe('No chain/target/match by that name.');
    expect(run(backend, '-C INPUT -j ACCEPT').message).toBe(
      'Bad rule (does a matching rule exist in that chain?).',
    );
    expect(run(backend, '-D missing -j ACCEPT').kind).toBe('no-rule');
    expect(run(backend, '-I INPUT 2 -j ACCEPT').message).toBe('Index of insertion too big.');
    expect(run(backend, '-A INPUT', '-D INPUT 2').message).toBe('Index of deletion too big.');
    expect(run(backend, '-D missing 1').kind).toBe('no-chain');
    for (const op of ['-A', '-I', '-C', '-D'])
      expect(run(backend, `${op} INPUT -j missing`).kind).toBe('no-target');
    expect(run(backend, '-A INPUT -g ACCEPT').kind).toBe('no-target');
    expect(run(backend, '-A INPUT -j FORWARD').kind).toBe('bad-target');
    expect(run(backend, '-C INPUT -j FORWARD').kind).toBe('no-rule');
    expect(run(backend, '-t nat -A PREROUTING -j DROP').kind).toBe('bad-target');
    expect(run(backend, '-A INPUT -o eth0').message).toBe("Can't use -o with INPUT");
    expect(run(backend, '-C OUTPUT -i eth0').message).toBe("Can't use -i with OUTPUT");
    expect(run(backend, '-N a', '-A a -i eth0 -o eth1').error).toBeUndefined();
  });

  test('names of chains', () => {
    expect(run(backend, '-N MASQUERADE').message).toBe('chain name may not clash with target name');
    const named = (chain: string) =>
      runCommand(emptyRuleset, { backend, family: 'ipv4', table: 'filter' }, { op: 'new-chain', chain });
    for (const name of ['', '-x', '!x'])
      expect(named(name)).toMatchObject({ error: { kind: 'bad-chain-name' } });
    expect(run(backend, `-N ${'x'.repeat(28)}`).error).toBeUndefined();
    expect(run(backend, `-N ${'x'.repeat(29)}`).kind).toBe('bad-chain-name');
  });

  test('-X of a free chain, of all, and of a missing one', () => {
    expect(run(backend, '-N a', '-N b', '-X a').text).not.toContain(':a');
    expect(run(backend, '-N a', '-N b', '-X').text).not.toMatch(/^:[ab]/m);
    expect(run(backend, '-N a', '-X b').kind).toBe('no-chain');
    expect(run(backend, '-N a', '-N b', '-A b', '-X').text).toMatch(/^:a/m);
  });

  test('loops are refused where a built-in chain reaches them', () => {
    const loop = ['-N a', '-N b', '-A a -p tcp -j b', '-A b -j a'];
    expect(run(backend, ...loop).error).toBeUndefined();
    expect(run(backend, ...loop, '-A INPUT -j a').kind).toBe('loop');
    expect(run(backend, '-N a', '-A INPUT -j a', '-A a -g a').kind).toBe('loop');
    // Two ways to one chain are no loop.
    expect(run(backend, '-N a', '-N b', '-A a -j b', '-A INPUT -j b', '-A INPUT -j a').error).toBeUndefined();
  });
});

describe('where the two backends differ', () => {
  test('-X of a chain in use', () => {
    const used = ['-N a', '-A INPUT -j a'];
    expect(run('iptables-legacy', ...used, '-X a').message).toBe('Too many links.');
    expect(run('iptables-nft', ...used, '-X a').message).toBe(
      'CHAIN_DEL failed (Device or resource busy): chain a',
    );
    const full = ['-N a', '-A a -j RETURN', '-X a'];
    expect(run('iptables-legacy', ...full).message).toBe('Directory not empty.');
    expect(run('iptables-nft', ...full).message).toBe('CHAIN_DEL failed (Device or resource busy): chain a');
    expect(run('iptables-legacy', '-X INPUT').kind).toBe('builtin');
    expect(run('iptables-nft', '-P INPUT DROP', '-X INPUT').message).toBe('Directory not empty.');
  });

  test('the texts of a refused rule', () => {
    const jump = ['-A INPUT -j FORWARD', '-I INPUT -j FORWARD'] as const;
    expect(run('iptables-nft', jump[0]).message).toBe(
      'RULE_APPEND failed (Operation not supported): rule in chain INPUT',
    );
    expect(run('iptables-nft', jump[1]).message).toBe(
      'RULE_INSERT failed (Operation not supported): rule in chain INPUT',
    );
    expect(run('iptables-legacy', jump[0]).message).toBe(
      "Invalid argument. Run `dmesg' for more information.",
    );
    expect(run('iptables-nft', '-A INPUT -j x').message).toBe("Chain 'x' does not exist");
    expect(run('iptables-legacy', '-A INPUT -j x').message).toBe(
      "Couldn't load target `x':No such file or directory",
    );
    expect(run('iptables-legacy', '-A INPUT -g x').message).toBe("goto 'x' is not a chain");
  });

  test('a legacy table comes into being at the first question, an nft one at the first change', () => {
    for (const line of [
      '-t nat -C OUTPUT -j RETURN',
      '-t nat -D OUTPUT 1',
      '-t nat -X',
      '-t nat -F',
      '-t nat -A x',
    ]) {
      expect(run('iptables-nft', line).text, line).toBe('');
      expect(run('iptables-legacy', line).text, line).toContain('*nat');
    }
    for (const line of ['-t nat -N x', '-t nat -F OUTPUT', '-t nat -P OUTPUT ACCEPT', '-t nat -A OUTPUT']) {
      expect(run('iptables-nft', line).text, line).toContain(':POSTROUTING ACCEPT [0:0]');
    }
    expect(run('iptables-nft', '-t nat -D OUTPUT 1').kind).toBe('no-chain');
    // Refused before the kernel is asked.
    expect(run('iptables-legacy', '-N ACCEPT').text).toBe('');
  });

  test('the order of tables', () => {
    const all = ['filter', 'nat', 'raw', 'mangle'].map((table) => `-t ${table} -N x`);
    const order = (backend: Backend) => run(backend, ...all).text.match(/^\*\S+/gm);
    expect(order('iptables-nft')).toEqual(['*mangle', '*raw', '*filter', '*nat']);
    expect(order('iptables-legacy')).toEqual(['*mangle', '*raw', '*nat', '*filter']);
    // Each kind of tables stays together.
    const mixed = (['ipv4', 'ipv6', 'ipv4'] as const).reduce<Ruleset>((ruleset, family, index) => {
      const table = index === 2 ? 'nat' : 'filter';
      return runCommand(ruleset, { backend: 'iptables-nft', family, table }, { op: 'new-chain', chain: 'x' })
        .ruleset;
    }, emptyRuleset);
    expect(mixed.tables.map((t) => `${t.family} ${t.name}`)).toEqual([
      'ipv4 filter',
      'ipv4 nat',
      'ipv6 filter',
    ]);
  });

  test('what stands behind a verdict counts as reachable for nft only', () => {
    const hidden = ['-N a', '-N b', '-A INPUT -j ACCEPT', '-A INPUT -j a', '-A a -j b', '-A b -j a'];
    expect(run('iptables-nft', ...hidden).kind).toBe('loop');
    expect(run('iptables-legacy', ...hidden).error).toBeUndefined();
    expect(run('iptables-legacy', ...hidden, '-D INPUT 1').kind).toBe('loop');
    const conditional = hidden.map((line) => line.replace('-j ACCEPT', '-p tcp -j ACCEPT'));
    expect(run('iptables-legacy', ...conditional).kind).toBe('loop');
  });

  test('nft bounds a path of jumps', () => {
    const chain = (length: number) => [
      ...Array.from({ length }, (_, i) => `-N c${i}`),
      ...Array.from({ length: length - 1 }, (_, i) => `-A c${i} -j c${i + 1}`),
      '-A INPUT -j c0',
    ];
    expect(run('iptables-nft', ...chain(15)).error).toBeUndefined();
    expect(run('iptables-nft', ...chain(16)).kind).toBe('loop');
    expect(run('iptables-legacy', ...chain(40)).error).toBeUndefined();
  });
});

describe('operations', () => {
  const rule = (text: string): Rule => {
    const parsed = parseRuleArgs(text.split(' '), 'ipv4');
    if (isRuleError(parsed)) throw new Error(parsed.error);
    return parsed;
  };
  const operation = (when: Operation['when'], command: Command, step = 'a step'): Operation => ({
    backend: 'iptables-nft',
    family: 'ipv4',
    table: 'filter',
    command,
    when,
    reason: { step, because: [] },
  });
  const append = (when: Operation['when'], text: string, chain = 'INPUT') =>
    operation(when, { op: 'append', chain, rule: rule(text) });
  const results = (...operations: readonly Operation[]) => runOperations(emptyRuleset, operations);

  test('if-absent runs what is not there yet', () => {
    const { ruleset, log } = results(
      operation('if-absent', { op: 'new-chain', chain: 'a' }),
      operation('if-absent', { op: 'new-chain', chain: 'a' }),
      append('always', '-j a'),
      append('if-absent', '-j a'),
      operation('if-absent', { op: 'insert', chain: 'INPUT', at: 1, rule: rule('-j a') }),
      append('if-absent', '-j RETURN'),
      append('always', '-j RETURN'),
    );
    expect(log.map((entry) => entry.result)).toEqual([
      'done',
      'skipped',
      'done',
      'skipped',
      'skipped',
      'done',
      'done',
    ]);
    expect(printSave(ruleset, { family: 'ipv4' }).match(/^-A.*/gm)).toEqual([
      '-A INPUT -j a',
      '-A INPUT -j RETURN',
      '-A INPUT -j RETURN',
    ]);
  });

  test('an error stops the rest, unless it is ignored; what was done stays', () => {
    const { ruleset, log } = results(
      append('ignore-errors', '-j missing'),
      append('always', '-j ACCEPT'),
      append('always', '-j missing'),
      append('always', '-j DROP'),
    );
    expect(log.map((entry) => entry.result)).toEqual(['ignored', 'done', 'failed', 'not-run']);
    expect(log[0]?.error?.kind).toBe('no-target');
    expect(log[2]?.error?.kind).toBe('no-target');
    expect(printSave(ruleset, { family: 'ipv4' }).match(/^-A.*/gm)).toEqual(['-A INPUT -j ACCEPT']);
  });

  test('what they make carries their reason', () => {
    const { ruleset } = results(
      operation('always', { op: 'new-chain', chain: 'a' }, 'make a chain'),
      operation('always', { op: 'policy', chain: 'FORWARD', policy: 'DROP' }, 'drop'),
      append('always', '-j ACCEPT', 'a'),
    );
    const chains = ruleset.tables[0]?.chains ?? [];
    expect(chains.find((c) => c.name === 'a')).toMatchObject({
      reason: { step: 'make a chain' },
      rules: [{ reason: { step: 'a step' } }],
    });
    expect(chains.find((c) => c.name === 'FORWARD')?.reason?.step).toBe('drop');
    expect(chains.find((c) => c.name === 'INPUT')?.reason).toBeUndefined();
  });

  test('no input is changed', () => {
    const before = results(append('always', '-j ACCEPT')).ruleset;
    const text = JSON.stringify(before);
    runOperations(before, [append('always', '-j DROP'), operation('always', { op: 'flush' })]);
    expect(JSON.stringify(before)).toBe(text);
  });
});
