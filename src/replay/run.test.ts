import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logEntry, writeStart } from '../../test/support/dockerd-log.ts';
import { planOf, rulesOf, severalNetworks, webHosts } from '../../test/support/plan.ts';
import { formatRule } from '../firewall/args.ts';
import { emptyRuleset } from '../firewall/ruleset.ts';
import { printSave } from '../firewall/save.ts';
import { readEvents } from './events.ts';
import { type AfterCheck, runLog } from './run.ts';

const never: AfterCheck = () => undefined;
const command = (args: string) => logEntry(`/usr/sbin/iptables, [--wait ${args}]`, 'debug');
const replayed = (lines: readonly string[], afterCheck = never) => {
  const { ruleset, ...rest } = runLog(readEvents(lines.join('\n')).events, afterCheck);
  return { rules: rulesOf({ ruleset }), ...rest };
};
const masquerade = 'POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE';

describe('runLog', () => {
  it('makes what the commands make', () => {
    const { rules, conclusions, refused } = replayed([
      command('-t nat -N DOCKER'),
      command(`-t nat -C ${masquerade}`),
      command(`-t nat -I ${masquerade}`),
      command('-t filter -P FORWARD DROP'),
      command('-t nat -N DOCKER_OUTPUT'),
    ]);
    expect(rules).toEqual(['filter -P FORWARD DROP', `nat -A ${masquerade}`, 'nat -N DOCKER']);
    expect({ conclusions, refused }).toEqual({ conclusions: [], refused: [] });
  });

  it('remembers the last command about each rule', () => {
    const { mentions } = replayed([command(`-t nat -I ${masquerade}`), command(`-t nat -D ${masquerade}`)]);
    expect([...mentions.values()]).toEqual([{ line: 2, op: 'delete' }]);
  });

  it.each([
    [
      'removed after the question was there',
      [`-t nat -C ${masquerade}`, `-t nat -D ${masquerade}`],
      never,
      [],
    ],
    [
      'wanted and not added is there',
      [`-t nat -C ${masquerade}`],
      () => 'append' as const,
      [`nat -A ${masquerade}`],
    ],
    ['unwanted and not removed is not', [`-t nat -C ${masquerade}`], never, []],
    [
      'wanted and added was not there',
      [`-t nat -C ${masquerade}`, `-t nat -A ${masquerade}`],
      () => 'insert' as const,
      [`nat -A ${masquerade}`],
    ],
  ])('a rule that is %s', (_, lines, afterCheck, rules) => {
    const done = replayed(lines.map(command), afterCheck);
    expect(done.rules).toEqual(rules);
    const found = lines.some((line) => line.includes('-A '));
    const expected = found || (lines.length === 1 && rules.length === 0) ? [] : ['found'];
    expect(done.conclusions.map(({ kind }) => kind)).toEqual(expected);
  });

  it('a question of one start is not answered by the next', () => {
    const lines = [
      command(`-t nat -C ${masquerade}`),
      logEntry('Starting up'),
      command(`-t nat -A ${masquerade}`),
    ];
    expect(replayed(lines, () => 'append').rules).toEqual([`nat -A ${masquerade}`, `nat -A ${masquerade}`]);
  });

  it('concludes nothing about chains that the log made or flushed', () => {
    const question = command('-t filter -C DOCKER -i docker0 -j ACCEPT');
    expect(replayed([command('-t filter -N DOCKER'), question], () => 'append').rules).toEqual([
      'filter -N DOCKER',
    ]);
  });

  it('concludes nothing where the jumps to Docker had to be made', () => {
    const lines = [
      command('-C FORWARD -j DOCKER-USER'),
      command('-I FORWARD -j DOCKER-USER'),
      command(`-t nat -C ${masquerade}`),
    ];
    expect(replayed([command('-N DOCKER-USER'), ...lines], () => 'append').rules).not.toContain(
      `nat -A ${masquerade}`,
    );
  });

  it('but of chains that somebody made before it knows nothing', () => {
    const lines = [
      '-n -L DOCKER-USER',
      '-C DOCKER-USER -j RETURN',
      '-C FORWARD -j DOCKER-USER',
      '-I FORWARD -j DOCKER-USER',
    ];
    expect(replayed(lines.map(command), () => 'append').rules).toContain('filter -A DOCKER-USER -j RETURN');
  });

  it('finds chains that commands need and that no command made', () => {
    const { rules, conclusions } = replayed([
      command('-A DOCKER -j RETURN'),
      command('-I FORWARD -j DOCKER-USER'),
    ]);
    expect(rules).toEqual([
      'filter -A FORWARD -j DOCKER-USER',
      'filter -A DOCKER -j RETURN',
      'filter -N DOCKER-USER',
    ]);
    expect(conclusions.map(({ kind, chain, line }) => [kind, chain, line])).toEqual([
      ['found', 'DOCKER', 1],
      ['found', 'DOCKER-USER', 2],
    ]);
  });

  it('notices that a rule or a chain vanished', () => {
    const twice = [`-t nat -C ${masquerade}`, `-t nat -A ${masquerade}`, '-n -L X', '-N X'];
    const { rules, conclusions } = replayed([...twice, ...twice].map(command));
    expect(rules).toEqual(['filter -N X', `nat -A ${masquerade}`]);
    expect(conclusions.map(({ kind, line, rule }) => [kind, line, rule && formatRule(rule)])).toEqual([
      ['vanished', 5, '-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE'],
      ['vanished', 7, undefined],
    ]);
  });

  it('says which command cannot have worked', () => {
    const { refused } = replayed([command('-t nat -A POSTROUTING -j DROP'), command('-D FORWARD -j DROP')]);
    expect(refused).toEqual([
      { line: 1, text: '-t nat -A POSTROUTING -j DROP', why: expect.stringContaining('"nat" table') },
    ]);
  });

  it('gives back the ruleset of any plan whose log is read', () => {
    const host = fc.record({
      engine: fc.constantFrom('17.06.2-ce', '18.09.0', '20.10.24', '26.1.5', '28.0.0', '28.5.2', '29.7.2'),
      several: fc.boolean(),
      config: fc.record({ 'ip-masq': fc.boolean(), icc: fc.boolean(), 'userland-proxy': fc.boolean() }),
    });
    fc.assert(
      fc.property(host, ({ engine, several, config }) => {
        const spec = several ? severalNetworks(engine) : webHosts(engine)();
        const plan = planOf({ ...spec, config: JSON.stringify(config) });
        const first = writeStart(engine, plan.operations, emptyRuleset);
        const second = writeStart(engine, plan.operations, first.ruleset);
        const { ruleset } = runLog(readEvents(first.text + second.text).events, never);
        for (const family of ['ipv4', 'ipv6'] as const)
          expect(printSave(ruleset, { family })).toBe(printSave(second.ruleset, { family }));
      }),
      { numRuns: 40 },
    );
  });
});
