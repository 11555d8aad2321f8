import { describe, expect, test } from 'vitest';
import { parseAddr } from '../net/addr.ts';
import { describeFlowProblem, parseFlowFile } from './flow-file.ts';

const read = (flows: unknown) => parseFlowFile(JSON.stringify(flows));
const problemsOf = (flows: unknown) => {
  const file = read(flows);
  return 'flows' in file ? [] : file.problems.map(describeFlowProblem);
};

test('flows keep their order, their ids and everything that they ask', () => {
  const file = read([
    { id: 7, frm: 'web', kind: 'tcp', dst: '198.51.100.7', port: 7777, up: 10, down: 20, name: 'ignored' },
    { from: 'host', frm: 'web', kind: 'ping', dst: '172.17.0.2', size: 1472, df: 1, port: null },
    { id: 'a', frm: 'inet', kind: 'udp', dst: '2001:db8::1', port: 53, direct: true, df: 0 },
    { frm: 'web', kind: 'dns', qname: 'example.com' },
  ]);
  expect(file).toEqual({
    flows: [
      { id: 7, from: 'web', kind: 'tcp', dst: parseAddr('198.51.100.7'), port: 7777, up: 10, down: 20 },
      { from: 'host', kind: 'ping', dst: parseAddr('172.17.0.2'), size: 1472, df: true },
      { id: 'a', from: 'inet', kind: 'udp', dst: parseAddr('2001:db8::1'), port: 53, direct: true },
      { from: 'web', kind: 'dns', dst: undefined, qname: 'example.com' },
    ],
  });
});

test('a namespace that nobody has is no matter of the file', () => {
  expect(problemsOf([{ from: 'no such container', kind: 'ping', dst: '10.0.0.1' }])).toEqual([]);
});

describe('problems name the flow and its member', () => {
  const good = { from: 'web', kind: 'ping', dst: '10.0.0.1' };
  test.each([
    [{ ...good, kind: 'sctp' }, 'flow 1, kind: must be ping, tcp, udp or dns'],
    [{ ...good, dst: '10.0.0.01' }, 'flow 1, dst: not an IP address: "10.0.0.01"'],
    [{ ...good, dst: undefined }, 'flow 1, dst: is missing'],
    [{ ...good, from: undefined }, 'flow 1, from: is missing (a container, host or inet)'],
    [{ ...good, kind: 'tcp' }, 'flow 1, port: is missing for tcp'],
    [{ ...good, kind: 'udp' }, 'flow 1, port: is missing for udp'],
    [{ ...good, kind: 'tcp', port: 0 }, 'flow 1, port: must be 1 to 65535'],
    [{ ...good, kind: 'tcp', port: 65536 }, 'flow 1, port: must be 1 to 65535'],
    [{ ...good, kind: 'tcp', port: 80.5 }, 'flow 1, port: must be a whole number'],
    [{ ...good, size: 65508 }, 'flow 1, size: must be at most 65507'],
    [{ ...good, size: -1 }, 'flow 1, size: must not be negative'],
    [{ ...good, df: 2 }, 'flow 1, df: must be 1 or 0'],
    [{ ...good, direct: 'yes' }, 'flow 1, direct: must be 1 or 0'],
    [{ ...good, id: [] }, 'flow 1, id: must be a number or a text'],
    ['web', 'flow 1: must be an object'],
  ])('%j', (flow, problem) => {
    expect(problemsOf([good, flow])).toEqual([problem]);
  });

  test('all of them, in order', () => {
    expect(problemsOf([{ ...good, kind: 'x', size: 'big' }, good, null])).toEqual([
      'flow 0, kind: must be ping, tcp, udp or dns',
      expect.stringMatching(/^flow 0, size: /),
      'flow 2: must be an object',
    ]);
  });

  test.each([
    ['', /the file is empty/],
    ['[', /not JSON/],
    ['{}', /not a JSON array/],
  ])('of the file as a whole: %j', (content, problem) => {
    const file = parseFlowFile(content);
    expect('flows' in file ? [] : file.problems.map(describeFlowProblem)).toEqual([
      expect.stringMatching(problem),
    ]);
  });
});
