import { expect, test } from 'vitest';
import { healthy, type IncidentSpec, incident, incidentFacts } from '../../../test/support/incident.ts';
import { hostStateFromFacts } from '../../host/state-from-facts.ts';
import { parseAddr } from '../../net/addr.ts';
import type { Flow } from '../../net/flow.ts';
import { makeScene, walk } from '../../packet/walk.ts';
import { traceJson } from '../trace-json.ts';
import { english } from './en.ts';
import { traceText } from './trace.ts';
import { chinese } from './zh.ts';

const walked = (spec: IncidentSpec, flow: Flow) =>
  walk(makeScene(hostStateFromFacts(incidentFacts(spec)).state), flow);
const far = parseAddr('198.51.100.7');
const ask: Flow = { id: 4, from: 'web', kind: 'tcp', dst: far, port: 7777 };
const paint = (tone: string, text: string) => (tone === 'bad' ? `<${text}>` : text);

test('a walk that dies on its way back', () => {
  expect(traceText([walked(incident, ask)], { words: english, paint })).toBe(`\
<web tcp 198.51.100.7:7777: timeout, delivered to inet at 198.51.100.7:7777, seen as 172.17.0.2>
<✗ inet, route (reply): no route to 172.17.0.2>
request
  web   send            tcp 172.17.0.2:40000 -> 198.51.100.7:7777
        route           output via 172.17.0.1 dev eth0 src 172.17.0.2 table main
        out             eth0 -> 172.17.0.1
  host  in              veth0  tcp 172.17.0.2:40000 -> 198.51.100.7:7777
        route           forward via 203.0.113.1 dev eth0 table main
        filter FORWARD  ACCEPT  (iptables-save.txt)
                          #1 -A FORWARD -j DOCKER-USER  (9 packets, :8)
                            #1 -A DOCKER-USER -j RETURN  (:16)
                          #2 -A FORWARD -j DOCKER-ISOLATION  (:9)
                            #1 -A DOCKER-ISOLATION -j RETURN  (:15)
                          #5 -A FORWARD -i docker0 ! -o docker0 -j ACCEPT  (:12)
        out             eth0 -> 203.0.113.1
  inet  in              up0  tcp 172.17.0.2:40000 -> 198.51.100.7:7777
        route           local
reply
  inet  send  tcp 198.51.100.7:7777 -> 172.17.0.2:40000
<✗       DIES  route: no route>
`);
});

test('NAT is told by what it changes, there and back', () => {
  const text = traceText([walked(healthy, ask)], { words: english, paint });
  expect(text).toContain('        nat              src 172.17.0.2:40000 => 203.0.113.2:40000\n');
  expect(text).toContain('dst 203.0.113.2:40000 => 172.17.0.2:40000\n');
  expect(text.split('\n')[0]).toBe(
    'web tcp 198.51.100.7:7777: ok, delivered to inet at 198.51.100.7:7777, seen as 203.0.113.2',
  );
});

test('a policy is named where it kills, and what nobody can know is said', () => {
  const flow: Flow = { from: 'inet', kind: 'tcp', dst: parseAddr('172.17.0.2'), port: 81, direct: true };
  expect(traceText([walked(healthy, flow)], { words: english, paint })).toMatch(
    /<✗ +DIES +filter\/FORWARD: policy DROP>\nno reply is sent\n$/,
  );
  const nobody: Flow = { from: 'ghost', kind: 'ping', dst: far };
  expect(traceText([walked(healthy, nobody)], { words: chinese, paint })).toBe(
    '<ghost ping 198.51.100.7: 未知 (unknown)>\n未知: 资料中没有命名空间 ghost  可查: docker ps; docker inspect\n',
  );
});

test('JSON has addresses and rules as text, and repeats the id', () => {
  const json = traceJson([walked(incident, ask)]);
  const copy = JSON.parse(JSON.stringify(json));
  expect(copy.schema).toBe('bridgekeeper.trace/1');
  const [result] = copy.results;
  expect(result).toMatchObject({
    id: 4,
    flow: { id: 4, from: 'web', kind: 'tcp', dst: '198.51.100.7', port: 7777 },
    outcome: 'timeout',
    seenAs: '172.17.0.2',
    deliveredTo: { namespace: 'inet', address: '198.51.100.7', port: 7777 },
    unknowns: [],
    assumed: [],
  });
  const [sender, host] = result.hops;
  expect(sender.steps[0]).toEqual({
    kind: 'send',
    header: { src: '172.17.0.2', dst: '198.51.100.7', protocol: 'tcp', sport: 40000, dport: 7777 },
  });
  const hook = host.steps.find((step: { kind: string }) => step.kind === 'hook');
  expect(hook.rules[0]).toEqual({
    backend: 'iptables-nft',
    family: 'ipv4',
    table: 'filter',
    chain: 'FORWARD',
    position: 1,
    rule: '-A FORWARD -j DOCKER-USER',
    file: 'iptables-save.txt',
    line: 8,
    counters: { packets: 9, bytes: 756 },
  });
  expect(result.reply.at(-1).steps.at(-1)).toEqual({ kind: 'drop', where: 'route', why: 'no route' });
});

test('results stand in the order of the flows', () => {
  const ping: Flow = { from: 'host', kind: 'ping', dst: far, size: 1472, df: true };
  const { results } = traceJson([walked(healthy, ping), walked(healthy, ask)]);
  expect(results.map((r) => r.flow)).toEqual([
    { from: 'host', kind: 'ping', dst: '198.51.100.7', size: 1472, df: true },
    { id: 4, from: 'web', kind: 'tcp', dst: '198.51.100.7', port: 7777 },
  ]);
  expect(results[0]).not.toHaveProperty('id');
});

test('a native rule is told with its table, chain, handle and text', () => {
  const at = { family: 'inet', table: 'myfw' };
  const listing = [
    { chain: { ...at, name: 'f', type: 'filter', hook: 'forward', prio: 0, policy: 'accept' } },
    { rule: { ...at, chain: 'f', handle: 7, comment: 'why', expr: [{ drop: null }] } },
  ];
  const files = { 'nft-ruleset.json': new TextEncoder().encode(JSON.stringify({ nftables: listing })) };
  const facts = incidentFacts(healthy);
  const { state } = hostStateFromFacts({
    ...facts,
    files: new Map([...facts.files, ...Object.entries(files)]),
  });
  const trace = walk(makeScene(state), ask);
  const text = traceText([trace], { words: english, paint });
  expect(text).toContain('inet myfw f');
  expect(text).toContain('#1 f drop comment "why"  (handle 7)');
  const steps = traceJson([trace]).results[0]?.hops.flatMap((hop) => [...hop.steps]) ?? [];
  expect(steps.find((step) => step.kind === 'drop')).toMatchObject({
    where: 'inet myfw f',
    rule: {
      backend: 'nftables',
      table: 'inet myfw',
      chain: 'f',
      position: 1,
      handle: 7,
      rule: 'drop comment "why"',
    },
  });
});

test('changes that were tried stand first, and each flow has both outcomes', () => {
  const comparison = {
    tried: [
      { change: 'sysctl a=1' },
      { change: 'daemon.json ip-masq=true', transition: 'restart', changesNothing: true },
    ],
    before: [walked(incident, ask)],
  } as const;
  const after = [walked(healthy, ask)];
  const lines = traceText(after, { words: english, paint }, { comparison }).split('\n');
  expect(lines.slice(0, 5)).toEqual([
    'what if: sysctl a=1',
    'what if: daemon.json ip-masq=true  (after a restart of dockerd with its containers, changes nothing here)',
    '',
    'web tcp 198.51.100.7:7777: timeout -> ok, delivered to inet at 198.51.100.7:7777, seen as 203.0.113.2',
    'request',
  ]);
  expect(lines.filter((line) => /^[-+]/.test(line)).slice(0, 4)).toEqual([
    '+        nat POSTROUTING  MASQUERADE  (iptables-save.txt)',
    '+                           #1 -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE  (:26)',
    '+        nat              src 172.17.0.2:40000 => 203.0.113.2:40000',
    '-  inet  in               up0  tcp 172.17.0.2:40000 -> 198.51.100.7:7777',
  ]);
  expect(lines).toContain('<-✗       DIES            route: no route>');
  expect(traceJson(after, { comparison }).whatIf).toMatchObject({
    changes: comparison.tried,
    outcomes: [{ id: 4, before: 'timeout', after: 'ok' }],
  });
});

test('a proxy and what it sends in turn, and the answer to a name', () => {
  const files = { 'iptables-save.txt': '' };
  const through: Flow = { from: 'inet', kind: 'tcp', dst: parseAddr('203.0.113.2'), port: 8080 };
  const trace = walked({ ...healthy, files }, through);
  expect(traceText([trace], { words: english, paint })).toMatch(
    /proxy {3}docker-proxy -> tcp (172\.17\.0\.1:\d+ -> 172\.17\.0\.2:80)\n {2}host {2}send {4}tcp \1\n/,
  );
  const answers = parseAddr('172.17.0.2');
  if (answers === undefined) throw new Error('no address');
  const named = { ...trace, answers: [answers] };
  expect(traceText([named], { words: chinese, paint }).split('\n')[0]).toContain('应答 172.17.0.2');
  expect(traceJson([named]).results[0]?.answers).toEqual(['172.17.0.2']);
});

test('a terminal has no line that it would break', () => {
  const lines = traceText([walked(incident, ask)], {
    words: english,
    paint: (_, said) => said,
    columns: 64,
  }).split('\n');
  expect(lines.filter((line) => line.length > 64)).toEqual([]);
  expect(lines).toContain('                          #5 -A FORWARD -i docker0 ! -o docker0');
  expect(lines).toContain('                            -j ACCEPT (:12)');
});

test('of an unknown outcome both bounds are said, and the fact that decides first', () => {
  const unmodelledHooks = ['forward', 'output'].map(
    (hook) => ({ family: 'inet', hook, name: `t ${hook}` }) as const,
  );
  const { state } = hostStateFromFacts(incidentFacts(healthy));
  const namespaces = state.namespaces.map((ns) => (ns.kind === 'host' ? { ...ns, unmodelledHooks } : ns));
  const trace = walk(makeScene({ ...state, namespaces }), ask);
  const fact = 'nftables chain t forward (hook forward) lets the packet pass';
  expect(trace).toMatchObject({
    outcome: 'unknown',
    possible: ['timeout', 'ok'],
    unknowns: [{ fact, outcomes: { ifSo: ['ok'], ifNot: ['timeout'] } }],
  });
  const text = traceText([trace], { words: english, paint });
  expect(text).toContain('unknown, either timeout or ok');
  expect(text).toContain(`unknown: ${fact}  (if so ok, if not timeout)  decides: nft list ruleset`);
  expect(traceJson([trace]).results[0]).toMatchObject({
    possible: ['timeout', 'ok'],
    unknowns: trace.unknowns,
  });
  const decided = traceText([{ ...trace, outcome: 'ok', unknowns: [{ fact }] }], { words: chinese, paint });
  expect(decided).toContain('（在这里不影响结果）'.slice(1, -1));
});

test('data that does not arrive after the handshake is walked too', () => {
  const { state } = hostStateFromFacts(incidentFacts(healthy));
  const namespaces = state.namespaces.map((ns) => ({
    ...ns,
    links: ns.links.map((link) =>
      ns.kind === 'host' && link.name === 'eth0' ? { ...link, mtu: 1400 } : link,
    ),
    firewall: {
      tables: ns.firewall.tables.map((table) => ({
        ...table,
        chains: table.chains.map((chain) =>
          ns.kind === 'host' && table.name === 'filter' && chain.name === 'OUTPUT'
            ? { ...chain, policy: 'DROP' as const }
            : chain,
        ),
      })),
    },
  }));
  const trace = walk(makeScene({ ...state, namespaces }), { ...ask, up: 20_000 });
  expect(trace.outcome).toBe('connected-then-timeout');
  const text = traceText([trace], { words: english, paint });
  expect(text).toMatch(/<✗ host, forwarding \(data\): /);
  expect(text).toMatch(/data, after the handshake\n(?:.*\n)+<✗ +DIES +forwarding: /);
});
