import { expect, test } from 'vitest';
import { addr, dockerHost, flow } from '../../test/fixtures/host.ts';
import { agreement, seenOf } from './seen.ts';
import type { Trace } from './trace.ts';
import { makeScene, walk } from './walk.ts';

const scene = makeScene(dockerHost());
const published = walk(scene, flow('inet tcp 203.0.113.2:8080'));
const failing = (kind: 'tcp' | 'ping', outcome: Trace['outcome']): Trace => ({
  flow: { from: 'web', kind, dst: addr('198.51.100.7') },
  outcome,
  hops: [],
  reply: [],
  unknowns: [],
  assumed: [],
});

test('of a connection it counts who answered, where, and whom it saw', () => {
  const seen = seenOf(published);
  expect(seen).toEqual({ outcome: 'ok', server: 'web', at: '172.17.0.2:80', from: '203.0.113.1' });
  expect(agreement(seen, published)).toBe('exact');
  expect(agreement({ ...seen, from: '172.17.0.1' }, published)).toBe('wrong');
  expect(agreement({ ...seen, server: 'peer' }, published)).toBe('wrong');
  expect(agreement({ outcome: 'timeout' }, published)).toBe('wrong');
});

test('timing is no disagreement, and neither is what ping does not say', () => {
  expect(agreement({ outcome: 'timeout' }, failing('tcp', 'host-unreachable'))).toBe('same class');
  expect(agreement({ outcome: 'timeout' }, failing('ping', 'EPERM'))).toBe('same class');
  expect(agreement({ outcome: 'timeout' }, failing('tcp', 'EPERM'))).toBe('wrong');
  expect(agreement({ outcome: 'refused' }, failing('tcp', 'timeout'))).toBe('wrong');
});

test('a walk that does not know is never wrong', () => {
  expect(agreement({ outcome: 'timeout' }, failing('tcp', 'unknown'))).toBe('unknown');
});
