/** Names: what is asked, what is found where they fail, and silence where they do not. */
import { describe, expect, test } from 'vitest';
import { addr, type DockerHostChange } from '../../test/fixtures/host.ts';
import { bridge, type Case, caseOf, diagnosisOf, inContainer, inputOf } from '../../test/fixtures/patient.ts';
import { planSandboxes } from '../plan/sandbox.ts';
import { flowText } from '../report/flow-text.ts';
import { diagnose } from './diagnose.ts';
import { lostNames } from './sources/name-faults.ts';

const net1 = {
  name: 'net1',
  subnet: '172.17.0.0/16',
  options: { 'com.docker.network.bridge.name': 'docker0' },
};
const named = ['web', 'peer', 'db'].map((name, i) => ({
  name,
  on: { net1: `172.17.0.${i + 2}/16` },
  aliases: [name],
}));

/** Both containers with this resolv.conf. */
function withConf(
  conf: string,
  sockets: readonly string[] = ['tcp 80', 'udp 127.0.0.11:40001'],
): DockerHostChange {
  const change = { more: { resolvConf: conf }, sockets };
  return { web: change, peer: change };
}

const embedded = withConf('nameserver 127.0.0.11\n');

/** The containers with the rules that the engine makes inside. */
function withRules(given: Case): Case {
  const { expected } = inputOf(given);
  return {
    ...given,
    broken: (state) =>
      expected.plan.sandboxes.reduce(
        (before, { name, ruleset, nft }) =>
          inContainer(name, (ns) => ({ ...ns, firewall: ruleset, nft }))(before),
        given.broken?.(state) ?? state,
      ),
  };
}

const onNet1: Case = { networks: [net1], containers: named.slice(0, 2), host: embedded };

describe('questions', () => {
  const asked = (given: Case) =>
    diagnosisOf(given)
      .asked.filter(({ flow }) => flow.kind === 'dns')
      .map(({ flow }) => flowText(flow));

  test('each container asks for one peer, and whether a server answers', () => {
    expect(asked(withRules(onNet1))).toEqual(['web dns peer', 'peer dns web', 'web dns .', 'peer dns .']);
  });

  test('on the default bridge nobody has a name', () => {
    expect(asked({ host: embedded })).toEqual(['web dns .', 'peer dns .']);
  });

  test('where nothing says whom a container asks, it asks nothing', () => {
    expect(asked({ networks: [net1], containers: named.slice(0, 2) })).toEqual([]);
  });

  test('a container without an IPv4 address is not asked for one', () => {
    const six = { name: 'peer', on: { net1: 'fd00::3/64' }, aliases: ['peer'] };
    const containers = [...named.slice(0, 1), six];
    expect(asked(withRules({ ...onNet1, containers }))).toEqual(['web dns .', 'peer dns .']);
  });

  test('on an internal network nobody asks beyond', () => {
    const networks = [{ ...net1, internal: true }];
    expect(asked(withRules({ ...onNet1, networks }))).toEqual(['web dns peer', 'peer dns web']);
  });
});

describe("the rules that lead to the engine's resolver", () => {
  test.each(['28.5.2', '29.7.2'] as const)('%s: they are there, and names are answered', (engine) => {
    const given = withRules({
      ...onNet1,
      engine,
      host: { ...embedded, host: { more: { resolvConf: 'nameserver 10.0.0.53\n' } } },
    });
    expect(diagnosisOf(given).findings).toEqual([]);
  });

  test('they are gone: the finding puts them back in the container, or restarts it', () => {
    const host = { ...embedded, host: { more: { resolvConf: 'nameserver 10.0.0.53\n' } } };
    const given = withRules({ ...onNet1, host });
    const broken = (state: Parameters<NonNullable<Case['broken']>>[0]) =>
      inContainer('web', (ns) => ({ ...ns, firewall: { tables: [] } }))(given.broken?.(state) ?? state);
    const { findings } = diagnosisOf({ ...given, broken });
    expect(findings).toMatchObject([
      {
        cause: 'container-dns-rules-missing',
        severity: 'error',
        params: { container: 'web', count: '6' },
        repairs: [
          { change: 'docker restart web' },
          { kind: 'rule', change: expect.stringContaining('nsenter') },
        ],
      },
    ]);
    expect(findings[0]?.flows.map(flowText)).toEqual(['web dns peer', 'web dns .']);
  });

  test('where nothing tells on which port the resolver listens, only the engine can make them again', () => {
    const unknown = { resolvConf: 'nameserver 127.0.0.11\n' };
    const host = { web: { more: unknown, sockets: undefined }, peer: { more: unknown, sockets: undefined } };
    const input = inputOf({ ...onNet1, host });
    const { intent, generation, backend, plan } = input.expected;
    const sandboxes = planSandboxes({ intent, generation, backend });
    expect(
      lostNames({
        ...caseOf(withRules({ ...onNet1, host })),
        expected: { ...input.expected, plan: { ...plan, sandboxes } },
      }),
    ).toEqual([]);
    const expected = { ...input.expected, plan: { ...plan, sandboxes } };
    const { findings } = diagnose({ ...input, expected });
    expect(
      findings.map(({ cause, severity, params, repairs }) => [cause, severity, params.container, repairs]),
    ).toEqual(
      ['web', 'peer'].map((name) => [
        'container-dns-rules-missing',
        'error',
        name,
        [{ kind: 'command', change: `docker restart ${name}` }],
      ]),
    );
  });
});

describe('a loopback server', () => {
  test('in a container is the container itself', () => {
    const { findings } = diagnosisOf({ host: withConf('nameserver 127.0.0.1\n') });
    expect(findings).toMatchObject([
      {
        cause: 'loopback-resolver',
        severity: 'error',
        params: { containers: 'web, peer', server: '127.0.0.1' },
        evidence: [{ file: 'sandboxes.json', text: 'web: nameserver 127.0.0.1' }, {}],
      },
    ]);
  });

  test('that a service of the container answers is its own affair', () => {
    const host = withConf('nameserver 127.0.0.1\n', ['tcp 80', 'udp 53']);
    expect(diagnosisOf({ host }).findings.map(({ cause }) => cause)).toEqual([]);
  });
});

describe("servers that are nobody's choice", () => {
  const google = withConf('nameserver 8.8.8.8\nnameserver 8.8.4.4\n');
  const files = { 'resolv.conf': '# by hand\nnameserver 127.0.0.1\n' };
  const host = { ...google, host: { more: { resolvConf: files['resolv.conf'] } } };

  test("the host's own are on loopback: a warning with the command that decides", () => {
    expect(diagnosisOf({ host, files }).findings).toMatchObject([
      {
        cause: 'loopback-resolver',
        severity: 'warning',
        evidence: [{ file: 'resolv.conf', line: 2, text: 'nameserver 127.0.0.1' }],
        decide: 'nslookup docker.com 8.8.8.8',
      },
    ]);
  });

  test('the log says that they do not answer', () => {
    const log =
      'time="2026-01-02T03:04:05Z" level=error msg="[resolver] failed to query external DNS server" dns-server="udp:8.8.8.8:53" error="i/o timeout"\n';
    expect(diagnosisOf({ host, files: { ...files, 'dockerd.log': log } }).findings).toMatchObject([
      {
        cause: 'fallback-dns-blocked',
        severity: 'warning',
        evidence: [{}, { file: 'dockerd.log', line: 1 }],
      },
    ]);
  });

  test.each<[string, Case]>([
    ['somebody asked for them', { host, config: '{"dns": ["8.8.8.8"]}' }],
    [
      'a container asked for them',
      {
        host,
        containers: ['web', 'peer'].map((name, i) => ({
          name,
          on: { bridge: `172.17.0.${i + 2}/16` },
          dns: [addr('8.8.8.8')],
        })),
        networks: [bridge],
      },
    ],
    [
      'they stand behind systemd-resolved',
      { host: { ...google, host: { more: { resolvConf: 'nameserver 127.0.0.53\n' } } } },
    ],
    [
      'the host asks them itself',
      { host: { ...google, host: { more: { resolvConf: 'nameserver 8.8.8.8\n' } } } },
    ],
  ])('%s: nothing to say', (_, given) => {
    expect(diagnosisOf(given).findings).toEqual([]);
  });
});
