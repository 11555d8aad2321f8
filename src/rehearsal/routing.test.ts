import { expect, test } from 'vitest';
import { dockerHost, namespace, policyRule, route } from '../../test/fixtures/host.ts';
import type { Namespace } from '../host/state.ts';
import { render } from '../kernel/render.ts';
import { neighbourSteps, routingPlan } from './routing.ts';

const options = { userNamespace: true, sysctlWriter: ['writer'] };
const host = dockerHost().namespaces[0] ?? namespace({ name: 'host', links: [] });

function lines(wanted: Namespace, there: Namespace): readonly string[] {
  const { steps } = routingPlan(wanted, there, 'h');
  return render({ steps }, options).flatMap(({ invocation }) => (invocation.stdin ?? '').trim().split('\n'));
}

test('what is there already is left alone', () => {
  expect(routingPlan(host, host, 'h')).toEqual({ steps: [], unbuilt: [] });
});

test('routes that are not in the facts go, and those that are come; gateways last', () => {
  const routes = [route('default via 203.0.113.1 dev eth0'), route('10.8.0.0/24 dev eth0')];
  const there = { ...host, routes: [route('10.9.0.0/24 dev eth0')] };
  expect(lines({ ...host, routes }, there)).toEqual([
    'route delete 10.9.0.0/24 dev eth0 table main',
    'route add 10.8.0.0/24 dev eth0 table main',
    'route add 0.0.0.0/0 via 203.0.113.1 dev eth0 table main',
  ]);
});

test('a table that goes by a name of the host gets a number, in routes and rules alike', () => {
  const vpn = { ...route('default dev eth0'), table: 'vpn' };
  const rule = { ...policyRule('100: from all fwmark 0x1 lookup main'), table: 'vpn' };
  const wanted = { ...host, routes: [...host.routes, vpn], policyRules: [...host.policyRules, rule] };
  expect(lines(wanted, host)).toEqual([
    'route add 0.0.0.0/0 dev eth0 table 10000',
    'rule add from all fwmark 1/4294967295 priority 100 lookup 10000',
  ]);
});

test('a rule with a selector that is not understood is left out, and said', () => {
  const rule = { ...policyRule('100: from all lookup main'), unknownSelectors: ['uidrange'] };
  const plan = routingPlan({ ...host, policyRules: [...host.policyRules, rule] }, host, 'h');
  expect(plan.steps).toEqual([]);
  expect(plan.unbuilt).toEqual([{ namespace: 'host', what: 'rule 100', why: 'not-writable' }]);
});

test('only neighbours that the kernel believes without asking are made', () => {
  const entry = {
    addr: { family: 'ipv4', value: 0xcb007101 },
    dev: 'eth0',
    mac: '02:00:00:00:00:99',
  } as const;
  const neighbours = ['PERMANENT', 'STALE', 'FAILED'].map((state) => ({ ...entry, state: [state] }));
  expect(neighbourSteps({ ...host, neighbours }, 'h')).toMatchObject([{ state: 'permanent' }]);
});

test('of two routes that differ by their link alone the first one is asked first', () => {
  const rival = route('172.17.0.0/16 via 203.0.113.1 dev eth0');
  const before = { ...host, routes: [rival, ...host.routes] };
  const after = { ...host, routes: [...host.routes, rival] };
  expect(lines(before, host)).toEqual(['route prepend 172.17.0.0/16 via 203.0.113.1 dev eth0 table main']);
  expect(lines(after, host)).toEqual(['route append 172.17.0.0/16 via 203.0.113.1 dev eth0 table main']);
});
