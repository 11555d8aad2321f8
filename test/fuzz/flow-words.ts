/**
 * The flows that random hosts are asked: between all who are there, by all kinds, also large ones. In: a family. Out: lists of flows.
 */
import type { Family } from '../../src/net/addr.ts';
import type { CaseFlow } from './case.ts';
import { far } from './topology.ts';

const names = {
  ipv4: {
    ...{ web: '172.17.0.2', peer: '172.17.0.3', other: '172.18.0.2', gateway: '172.17.0.1' },
    ...{ host: '203.0.113.2', loopback: '127.0.0.1', nobody: '172.17.0.9' },
  },
  ipv6: {
    ...{ web: 'fd00:17::2', peer: 'fd00:17::3', other: 'fd00:18::2', gateway: 'fd00:17::1' },
    ...{ host: '2001:db8:113::2', loopback: '::1', nobody: 'fd00:17::9' },
  },
} as const;

/** What people ask. */
export function catalogue(family: Family): readonly CaseFlow[] {
  const { web, peer, other, gateway, host, loopback, nobody } = names[family];
  const away = far[family];
  return [
    ...['web', 'other'].flatMap((from): CaseFlow[] => [
      { from, kind: 'ping', dst: away },
      { from, kind: 'tcp', dst: away, port: 7777 },
      { from, kind: 'udp', dst: away, port: 7777 },
      { from, kind: 'ping', dst: peer },
      { from, kind: 'tcp', dst: peer, port: 80 },
      { from, kind: 'udp', dst: peer, port: 53 },
      { from, kind: 'tcp', dst: peer, port: 81 },
      { from, kind: 'tcp', dst: host, port: 8080 },
      { from, kind: 'udp', dst: host, port: 5353 },
      { from, kind: 'tcp', dst: gateway, port: 2222 },
      { from, kind: 'udp', dst: host, port: 2223 },
      { from, kind: 'tcp', dst: host, port: 2222 },
    ]),
    { from: 'web', kind: 'tcp', dst: other, port: 80 },
    { from: 'web', kind: 'ping', dst: other },
    { from: 'web', kind: 'tcp', dst: nobody, port: 80 },
    { from: 'host', kind: 'ping', dst: away },
    { from: 'host', kind: 'tcp', dst: away, port: 7777 },
    { from: 'host', kind: 'udp', dst: away, port: 7777 },
    { from: 'host', kind: 'ping', dst: web },
    { from: 'host', kind: 'tcp', dst: web, port: 80 },
    { from: 'host', kind: 'udp', dst: web, port: 53 },
    { from: 'host', kind: 'tcp', dst: loopback, port: 8080 },
    { from: 'host', kind: 'tcp', dst: host, port: 8080 },
    { from: 'host', kind: 'udp', dst: host, port: 5353 },
    { from: 'host', kind: 'tcp', dst: loopback, port: 2222 },
    { from: 'inet', kind: 'ping', dst: host },
    { from: 'inet', kind: 'tcp', dst: host, port: 2222 },
    { from: 'inet', kind: 'tcp', dst: host, port: 8080 },
    { from: 'inet', kind: 'udp', dst: host, port: 5353 },
    { from: 'inet', kind: 'udp', dst: host, port: 2224 },
    { from: 'inet', kind: 'tcp', dst: web, port: 80, direct: true },
    { from: 'inet', kind: 'ping', dst: other, direct: true },
  ];
}

/** Packets that a smaller MTU on the way stops or cuts. */
export function large(family: Family): readonly CaseFlow[] {
  const { web, peer, host } = names[family];
  const away = far[family];
  const full = family === 'ipv4' ? 1472 : 1452;
  return [
    { from: 'web', kind: 'ping', dst: away, size: full, df: true },
    { from: 'web', kind: 'ping', dst: away, size: full },
    { from: 'web', kind: 'ping', dst: peer, size: full, df: true },
    { from: 'web', kind: 'tcp', dst: away, port: 7777, up: 20_000, down: 20_000 },
    { from: 'other', kind: 'tcp', dst: web, port: 80, down: 20_000 },
    { from: 'inet', kind: 'tcp', dst: host, port: 8080, up: 20_000, down: 20_000 },
    { from: 'host', kind: 'tcp', dst: web, port: 80, up: 20_000 },
    { from: 'host', kind: 'ping', dst: away, size: full, df: true },
    { from: 'host', kind: 'ping', dst: web, size: 1300, df: true },
  ];
}
