import { describe, expect, it } from 'vitest';
import { readEngineLog } from './engine-log.ts';

const start = (time: string) => `time="${time}" level=info msg="Loading containers: start."`;
const command = (args: string, program = 'iptables') =>
  `time="x" level=debug msg="/usr/sbin/${program}, [--wait ${args}]"`;
const log = (...lines: string[]) => readEngineLog(lines.join('\n'));

describe('readEngineLog', () => {
  it('finds starts in order', () => {
    expect(log('noise', start('2026-11-23T01:00:00Z'), start('2026-11-23T02:00:00Z')).starts).toEqual([
      '2026-11-23T01:00:00Z',
      '2026-11-23T02:00:00Z',
    ]);
    expect(log('').starts).toEqual([]);
  });

  it('says whether FORWARD got its policy, when it shows commands from a start on', () => {
    const policy = command('-t filter -P FORWARD DROP');
    const other = command('-t nat -N DOCKER');
    expect(log(start('t'), other, policy).setForwardPolicy).toBe(true);
    expect(log(start('t'), other).setForwardPolicy).toBe(false);
    expect(log(start('t'), other, command('-t filter -P FORWARD DROP', 'ip6tables')).setForwardPolicy).toBe(
      false,
    );
    expect(log(start('t')).setForwardPolicy).toBeUndefined();
    expect(log(other).setForwardPolicy).toBeUndefined();
  });

  it('knows the tables that were made for containers, not those of its own namespaces', () => {
    const commands = [
      '-t raw -C PREROUTING -j DROP',
      '-t nat -A DOCKER_OUTPUT -j DNAT',
      '-t filter -N DOCKER',
    ].map((args) => command(args));
    expect(log(start('t'), ...commands).tables).toEqual([]);
    expect(
      log(start('t'), ...commands, command('-t raw -A PREROUTING -d 172.17.0.2 -j DROP')).tables,
    ).toEqual(['raw']);
  });

  it('says whether the last start used the userland proxy', () => {
    const jump = '-t nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER';
    const withProxy = command(`${jump} ! --dst 127.0.0.0/8`);
    expect(log(start('t'), withProxy).userlandProxy).toEqual({ value: true, line: 2 });
    expect(log(start('t'), withProxy, start('u'), command(jump)).userlandProxy).toEqual({
      value: false,
      line: 4,
    });
    expect(log(start('t'), withProxy, start('u')).userlandProxy).toBeUndefined();
    expect(log(start('t'), command(jump.replace('-A', '-D'))).userlandProxy).toBeUndefined();
  });
});
