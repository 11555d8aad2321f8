import { describe, expect, it } from 'vitest';
import { readEvents } from './events.ts';
import { startsOf } from './timeline.ts';

const at = (second: string, message: string, level = 'info') =>
  `time="2026-11-23T10:00:${second}Z" level=${level} msg=${JSON.stringify(message)}`;
const iptables = (second: string) => at(second, '/usr/sbin/iptables, [--wait -t nat -N DOCKER]', 'debug');
const starts = (...lines: string[]) => startsOf(readEvents(lines.join('\n')).events);
const phases = (...lines: string[]) =>
  starts(...lines).map(({ phases: spans }) => spans.map(({ phase, commands }) => `${phase} ${commands}`));

const start = [
  at('00', 'Starting up'),
  at('00', 'Listener created for HTTP on unix (/run/docker.sock)', 'debug'),
  at('01', 'starting containerd'),
  at('02', '[graphdriver] trying configured driver: vfs'),
  at('03', 'Loading containers: start.'),
  at('04', 'Option DefaultDriver: bridge', 'debug'),
  iptables('05'),
  at('06', 'Network (aaaaaaa) restored', 'debug'),
  iptables('06'),
  at('07', 'Allocating IPv4 pools for network bridge (aa)', 'debug'),
  iptables('08'),
  at('09', 'Loading containers: done.'),
  at('10', 'Daemon has completed initialization'),
  at('10', 'API listen on /run/docker.sock'),
];

describe('startsOf', () => {
  it('parts a start into its phases', () => {
    const [found] = starts(...start);
    expect(found).toMatchObject({ line: 1, lastLine: 14, whole: true, completed: true, liveRestore: false });
    expect(
      found?.phases.map(({ phase, began, ended, commands }) => [
        phase,
        began?.slice(17, 19),
        ended?.slice(17, 19),
        commands,
      ]),
    ).toEqual([
      ['options', '00', '01', 0],
      ['containerd', '01', '02', 0],
      ['graph-driver', '02', '03', 0],
      ['containers', '03', '04', 0],
      ['firewall', '04', '06', 1],
      ['restore', '06', '07', 1],
      ['default-bridge', '07', '09', 1],
      ['ready', '09', '10', 0],
      ['running', '10', '10', 0],
    ]);
  });

  it('parts a log into starts, of engines that say so and of those that do not', () => {
    expect(starts(...start, ...start).map(({ line }) => line)).toEqual([1, 15]);
    const old = start.slice(1);
    expect(starts(...old, ...old).map(({ line }) => line)).toEqual([1, 14]);
    expect(
      starts(at('00', 'Starting up'), at('01', 'Starting up')).map(({ completed }) => completed),
    ).toEqual([false, false]);
  });

  it('keeps what a running daemon does apart from its start', () => {
    const [found] = phases(
      ...start,
      iptables('20'),
      at('21', 'Allocating IPv4 pools for network bridge (bb)', 'debug'),
      at('22', 'Got signal to reload configuration'),
      at('23', 'Reloaded configuration'),
      at('24', "Processing signal 'terminated'"),
      at('25', 'Daemon shutdown complete'),
    );
    expect(found?.slice(-4)).toEqual(['running 1', 'reload 0', 'running 0', 'shutdown 0']);
  });

  it('reads a log that begins in the middle', () => {
    expect(starts(iptables('05'), ...start.slice(-3))).toMatchObject([{ whole: false, completed: true }]);
    expect(phases(iptables('05'))).toEqual([['firewall 1']]);
  });

  it('sees the graph driver between the containers, as since 29', () => {
    const [found] = phases(
      at('00', 'Starting up'),
      at('01', 'Loading containers: start.'),
      at('02', '[graphdriver] trying configured driver: vfs'),
      at('03', 'Restoring containers: start.'),
    );
    expect(found).toEqual(['options 0', 'containers 0', 'graph-driver 0', 'containers 0']);
  });

  it('notes a live restore and the version', () => {
    const lines = [
      ...start,
      at('11', 'There are old running containers, the network config will not take affect'),
    ];
    expect(starts(...lines, `${at('12', 'Docker daemon')} version=17.06.2-ce`)).toMatchObject([
      { liveRestore: true, engine: '17.06.2-ce' },
    ]);
  });

  it('finds none where there is none', () => {
    expect(starts('', 'garbage')).toEqual([]);
  });
});
