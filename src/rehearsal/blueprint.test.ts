import { describe, expect, test } from 'vitest';
import { dockerHost, namespace } from '../../test/fixtures/host.ts';
import type { HostState } from '../host/state.ts';
import { render } from '../kernel/render.ts';
import { outsideOf } from '../packet/outside.ts';
import { blueprint, isLinkName, isStationMac } from './blueprint.ts';

const options = { userNamespace: true, sysctlWriter: ['writer'] };

/** The lines for ip(8), each with the namespace that it is for. */
function lines(state: HostState): readonly string[] {
  const plan = blueprint(state, outsideOf(state, []), (name) => name);
  const steps = [...plan.pairs, ...plan.children, ...plan.raise];
  return render({ steps }, options).flatMap(({ invocation: { argv, stdin = '' } }) =>
    stdin
      .trim()
      .split('\n')
      .map((line) => `${argv[1]?.replace('--net=', '')}: ${line}`),
  );
}

describe('the links of a host', () => {
  const made = lines(dockerHost());

  test('a container hangs on its bridge by one pair, made once', () => {
    expect(made.filter((line) => line.includes('type veth'))).toEqual([
      'host: link add name eth0 type veth peer name beyond-eth0 netns inet',
      'host: link add name veth-web type veth peer name eth0 netns web',
      'host: link add name veth-peer type veth peer name eth0 netns peer',
    ]);
    expect(made).toContain('host: link set dev veth-web master docker0');
  });

  test('the outside has the gateway, and is up before the host asks for it', () => {
    const far = made.findIndex((line) => /^inet: address add 203\.0\.113\.1\/24/.test(line));
    const near = made.indexOf('host: link set dev eth0 up');
    expect(far).toBeGreaterThan(0);
    expect(near).toBeGreaterThan(far);
  });

  test('a link that is down stays down', () => {
    const down = dockerHost();
    const host = down.namespaces[0] ?? namespace({ name: 'host', links: [] });
    const links = host.links.map((link) => (link.name === 'docker0' ? { ...link, up: false } : link));
    const state = { ...down, namespaces: [{ ...host, links }, ...down.namespaces.slice(1)] };
    expect(lines(state)).not.toContain('host: link set dev docker0 up');
  });
});

test('a name that a tool could take for something else is left out, and said', () => {
  const names = ['-rf', 'a b', 'x\nlink delete eth0', '../x', 'much-too-long-for-a-link'];
  const links = names.map((name, index) => ({
    name,
    index: index + 10,
    kind: 'ether' as const,
    addresses: [],
  }));
  const state: HostState = { namespaces: [namespace({ name: 'host', links })] };
  const plan = blueprint(state, undefined, (name) => name);
  expect(plan.pairs).toEqual([]);
  expect(plan.unbuilt.map(({ why }) => why)).toEqual(names.map(() => 'not-writable'));
  expect(names.some(isLinkName)).toBe(false);
  expect(['eth0.100', 'br-0a1b2c3d4e5f', 'veth@x'].every(isLinkName)).toBe(true);
});

test.each([
  ['02:42:ac:11:00:02', true],
  ['03:42:ac:11:00:02', false],
  ['00:00:00:00:00:00', false],
  ['outside:up0', false],
  ['$(touch x)', false],
])('%s is a station: %s', (mac, is) => expect(isStationMac(mac)).toBe(is));
