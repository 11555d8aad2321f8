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

  it('says whether FORWARD got its policy, when it shows commands of the family from a start on', () => {
    const policy = '-t filter -P FORWARD DROP';
    const other = command('-t nat -N DOCKER');
    const four = (...lines: string[]) => log(...lines).setForwardPolicy.ipv4;
    const six = (...lines: string[]) => log(...lines).setForwardPolicy.ipv6;
    expect(four(start('t'), other, command(policy))).toBe(true);
    expect(four(start('t'), other)).toBe(false);
    expect(four(start('t'), other, command(policy, 'ip6tables'))).toBe(false);
    expect(four(start('t'))).toBeUndefined();
    expect(four(other)).toBeUndefined();
    expect(six(start('t'), other, command(policy))).toBeUndefined();
    expect(six(start('t'), command(policy, 'ip6tables'))).toBe(true);
    expect(six(start('t'), command('-t nat -N DOCKER', 'ip6tables'))).toBe(false);
  });

  it('knows the tables that were made for containers, not those of its own namespaces', () => {
    const commands = [
      '-t raw -C PREROUTING -j DROP',
      '-t nat -A DOCKER_OUTPUT -j DNAT',
      '-t filter -N DOCKER',
    ].map((args) => command(args));
    const raw = (program: string) =>
      log(start('t'), ...commands, command('-t raw -A PREROUTING -i eth1 -j DROP', program)).tables;
    expect(log(start('t'), ...commands).tables).toEqual({ ipv4: [], ipv6: [] });
    expect(raw('iptables')).toEqual({ ipv4: ['raw'], ipv6: [] });
    expect(raw('ip6tables')).toEqual({ ipv4: [], ipv6: ['raw'] });
  });

  it('says whether the last start found firewalld', () => {
    const passed = 'time="x" level=debug msg="Firewalld passthrough: ipv4, [-t nat -D PREROUTING]"';
    expect(log(start('t'), passed).firewalld).toBe(true);
    expect(log(start('t'), passed, start('u')).firewalld).toBe(false);
  });

  it('lists what the last start restored, in its order', () => {
    const restored = (what: string) => `time="x" level=debug msg="${what}"`;
    const lines = [
      restored('Network (aaaaaaa) restored'),
      start('t'),
      restored('Network (b1b1b1b) restored'),
      restored('Network (a2a2a2a) restored'),
      restored('Endpoint (0123456) restored to network (b1b1b1b)'),
    ];
    expect(log(...lines).restored).toEqual(['b1b1b1b', 'a2a2a2a', '0123456']);
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

  it('says so for the nftables backend too', () => {
    const rule = (text: string, chain = 'nat-OUTPUT', family = 'ip') =>
      `time="x" level=debug msg="nftables: appended rule" chain=${chain} family=${family} group=0 rule="${text}" table=docker-bridges`;
    const jump = 'fib daddr type local counter jump nat-prerouting-and-output';
    const withProxy = rule(`ip daddr != 127.0.0.1/8  ${jump}`);
    expect(log(start('t'), withProxy).userlandProxy).toEqual({ value: true, line: 2 });
    expect(log(start('t'), withProxy, start('u'), rule(` ${jump}`)).userlandProxy).toEqual({
      value: false,
      line: 4,
    });
    const others = [rule(jump, 'nat-PREROUTING'), rule(jump, 'nat-OUTPUT', 'ip6')];
    expect(log(start('t'), ...others).userlandProxy).toBeUndefined();
  });
});
