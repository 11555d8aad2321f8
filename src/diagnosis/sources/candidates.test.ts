/** The sources of candidates, each looked at alone: what they offer, and what they leave alone. */
import { describe, expect, test } from 'vitest';
import { addr, flow, prefix, rulesetOf, table } from '../../../test/fixtures/host.ts';
import {
  bridge,
  type Case,
  engines,
  flushed,
  onHost,
  patientOf,
  peer,
  rulesWithout,
  web,
} from '../../../test/fixtures/patient.ts';
import { formatRule } from '../../firewall/args.ts';
import { formatAddr } from '../../net/addr.ts';
import { makeScene, walk } from '../../packet/walk.ts';
import { questionsFor } from '../flows.ts';
import { receiversOn, successOn } from '../receiver.ts';
import { hostFaultCandidates } from './host-faults.ts';
import { ipv6MasqueradeCandidates } from './ipv6-masquerade.ts';
import { planPartCandidates } from './plan-parts.ts';
import { ruleFaultCandidates } from './rule-faults.ts';
import { settingCandidates } from './settings.ts';

/** `cause (params.rule or key)` */
function settings(given: Case): string[] {
  return settingCandidates(patientOf(given)).map((c) =>
    [c.cause, ...c.because.map((b) => `${b.setting}=${b.value}`)].join(' '),
  );
}

function parts(given: Case): string[] {
  return planPartCandidates(patientOf(given)).map((c) => `${c.cause} ${c.params.count}`);
}

describe.each(engines)('%s: a healthy host', (engine) => {
  test('has no setting to flip and misses nothing of its plan', () => {
    expect(settings({ engine })).toEqual([]);
    expect(parts({ engine })).toEqual([]);
  });

  test('offers of itself only what is off by default: hairpin', () => {
    const offered = hostFaultCandidates(patientOf({ engine })).map((c) => c.cause);
    expect(new Set(offered)).toEqual(new Set(['hairpin-off']));
  });
});

describe('settings', () => {
  test.each([
    ['{"ip-masq": false}', ['masquerade-disabled ip-masq=false']],
    ['{"icc": false}', ['icc-disabled icc=false']],
    ['{"userland-proxy": false}', ['userland-proxy-missing userland-proxy=false']],
    ['{"iptables": false}', ['iptables-disabled iptables=false']],
    ['{"ip": "127.0.0.1"}', ['published-on-loopback ip=127.0.0.1']],
    ['{"ip-masq": true}', []],
    ['{"mtu": 1400}', []],
    ['{"debug": true}', []],
  ])('%s: %j', (config, offered) => {
    expect(settings({ config })).toEqual(offered);
  });

  test('two that matter only together are offered together too, at the price of both', () => {
    const config = '{"iptables": false, "ip-masq": false}';
    expect(settings({ config })).toContain('iptables-disabled iptables=false ip-masq=false');
    const [one, both] = settingCandidates(patientOf({ config })).toSorted((a, b) => a.cost - b.cost);
    expect([one?.cost, both?.cost]).toEqual([2, 4]);
  });

  test('a restriction is one by what it means', () => {
    const restricts = (config: string) => settingCandidates(patientOf({ config })).map((c) => c.restriction);
    expect(restricts('{"icc": false}')).toEqual([true]);
    expect(restricts('{"ip-masq": false}')).toEqual([false]);
  });

  test('the change is the difference of two plans: foreign rules stay', () => {
    const patient = patientOf({
      config: '{"ip-masq": false}',
      rules: ['-t nat -I POSTROUTING -s 10.0.0.0/8 -j MASQUERADE'],
    });
    const [change] = settingCandidates(patient)[0]?.changes ?? [];
    const rules =
      change?.kind === 'ruleset'
        ? change.to.tables.find((t) => t.name === 'nat')?.chains.find((c) => c.name === 'POSTROUTING')?.rules
        : [];
    expect(rules?.map((r) => r.target?.name)).toEqual(['MASQUERADE', 'MASQUERADE']);
  });

  test('a port published on one address', () => {
    const containers = [{ ...web, ports: ['127.0.0.1:8080:80/tcp'] }, peer];
    expect(settings({ containers })).toEqual(['published-on-loopback publish=127.0.0.1:8080:80/tcp']);
    expect(settings({ containers: [{ ...web, ports: ['203.0.113.2:8080:80/tcp'] }, peer] })).toEqual([
      'published-on-one-address publish=203.0.113.2:8080:80/tcp',
    ]);
  });
});

describe('parts of the plan', () => {
  test('one rule that is missing: alone, and with its table', () => {
    const gone = rulesWithout((t, c, n) => t === 'nat' && c === 'PREROUTING' && n === 1);
    expect(parts({ broken: gone })).toEqual(['nat-jump-missing 1', 'nat-jump-missing 1']);
  });

  test('a table that lost most of its rules was flushed: it comes back whole or not at all', () => {
    expect(parts({ broken: flushed('nat') }).map((p) => p.split(' ')[0])).toEqual(['rules-flushed']);
    expect(planPartCandidates(patientOf({ broken: flushed('nat') }))[0]?.cost).toBeLessThan(2);
  });

  test('two tables: each, and all together', () => {
    const both = (state: Parameters<ReturnType<typeof flushed>>[0]) =>
      flushed('nat')(flushed('filter')(state));
    expect(parts({ broken: both }).map((p) => p.split(' ')[0])).toEqual([
      'rules-flushed',
      'rules-flushed',
      'rules-flushed',
    ]);
  });

  test.each([
    ['POSTROUTING', 1, 'masquerade-rule-missing'],
    ['PREROUTING', 1, 'nat-jump-missing'],
    ['OUTPUT', 1, 'nat-jump-missing'],
    ['DOCKER', 2, 'dnat-rule-missing'],
  ])('rule %2$i of nat/%1$s: %3$s', (chain, position, cause) => {
    const gone = rulesWithout((t, c, n) => t === 'nat' && c === chain && n === position);
    expect(new Set(parts({ broken: gone }).map((p) => p.split(' ')[0]))).toEqual(new Set([cause]));
  });

  test('its reason and its text are told', () => {
    const gone = rulesWithout((t, c, n) => t === 'nat' && c === 'POSTROUTING' && n === 1);
    const alone = planPartCandidates(patientOf({ broken: gone })).find((c) => c.cost === 1);
    expect(alone?.params.rule).toBe('-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE');
    expect(alone?.because.map((b) => b.setting)).toContain('ip-masq');
  });
});

describe('rules that a failing flow met', () => {
  const offered = (given: Case, text: string): string[] => {
    const patient = patientOf(given);
    const trace = walk(makeScene(patient.state), flow(text));
    return ruleFaultCandidates(patient, [trace]).map(
      (c) => `${c.cause} ${c.params.chain} ${c.params.position}`,
    );
  };

  test.each<[string, string, string]>([
    ['-I DOCKER-USER -j DROP', 'web ping 198.51.100.7', 'foreign-rule-drops DOCKER-USER 1'],
    ['-I FORWARD -i docker0 -j DROP', 'web ping 198.51.100.7', 'forward-rule-before-docker FORWARD 1'],
    ['-I FORWARD -m limit --limit 1/s -j DROP', 'web ping 198.51.100.7', 'rate-limited FORWARD 1'],
    ['-I INPUT -i docker0 -j DROP', 'web ping 172.17.0.1', 'input-blocks-container-to-host INPUT 1'],
    ['-I INPUT -i docker0 -j REJECT', 'web ping 172.17.0.1', 'input-reject INPUT 1'],
    ['-I OUTPUT -o docker0 -j DROP', 'host ping 172.17.0.2', 'output-blocks-host OUTPUT 1'],
    ['-t nat -I POSTROUTING -j ACCEPT', 'web ping 198.51.100.7', 'masquerade-shadowed POSTROUTING 1'],
    [
      '-t nat -I PREROUTING -p icmp -j DNAT --to-destination 203.0.113.77',
      'web ping 198.51.100.7',
      'foreign-nat-captures PREROUTING 1',
    ],
    [
      '-t raw -I PREROUTING -i docker0 -j CT --notrack',
      'web ping 198.51.100.7',
      'connection-untracked PREROUTING 1',
    ],
    [
      '-t mangle -I PREROUTING -i docker0 -j MARK --set-mark 7',
      'web ping 198.51.100.7',
      'mark-routes-elsewhere PREROUTING 1',
    ],
    ['-t mangle -I FORWARD -j DROP', 'web ping 198.51.100.7', 'foreign-rule-drops FORWARD 1'],
  ])('%s: %3$s', (rule, text, candidate) => {
    expect(offered({ rules: [rule] }, text)).toContain(candidate);
  });

  test('not the engine’s own, not a jump, not what the flow did not meet', () => {
    expect(offered({}, 'web ping 198.51.100.7')).toEqual([]);
    expect(offered({ rules: ['-I INPUT -j DROP'] }, 'web ping 198.51.100.7')).toEqual([]);
    expect(
      offered(
        { rules: ['-N MINE', '-I FORWARD -j MINE', '-A MINE -i docker0 -j DROP'] },
        'web ping 198.51.100.7',
      ),
    ).toEqual(['foreign-rule-drops MINE 1']);
  });

  test('a policy: let the bridge pass before opening the hook, never FORWARD lightly', () => {
    const costs = (given: Case, text: string) => {
      const patient = patientOf(given);
      return ruleFaultCandidates(patient, [walk(makeScene(patient.state), flow(text))]).map((c) => c.cost);
    };
    const [pass, open] = costs({ rules: ['-P INPUT DROP'] }, 'web ping 172.17.0.1');
    expect(pass).toBeLessThan(open ?? 0);
    expect(Math.min(...costs({ rules: ['-F FORWARD'] }, 'web ping 198.51.100.7'))).toBeGreaterThan(3);
  });

  test('the other backend, beside the engine’s', () => {
    const legacyRules = table('filter', '-A FORWARD -j DROP');
    const patient = patientOf({
      broken: (state) =>
        onHost(state, (ns) => ({
          ...ns,
          firewall: { tables: [...ns.firewall.tables, ...rulesetOf(legacyRules, 'iptables-legacy').tables] },
        })),
    });
    const trace = walk(makeScene(patient.state), flow('web ping 198.51.100.7'));
    expect(ruleFaultCandidates(patient, [trace]).map((c) => c.cause)).toEqual(['legacy-and-nft-mixed']);
  });

  test('what a container filters for itself', () => {
    expect(
      offered({ host: { web: { rules: table('filter', '-A OUTPUT -j DROP') } } }, 'web ping 198.51.100.7'),
    ).toEqual(['container-firewall-drops OUTPUT 1']);
  });
});

describe('what is asked of a host', () => {
  const questions = (given: Case) => {
    const { state, expected } = patientOf(given);
    const { wanted, panel } = questionsFor(state, expected);
    return { wanted: wanted.map(text), panel: panel.map(text), ids: [...wanted, ...panel].map((f) => f.id) };
  };
  const text = (f: ReturnType<typeof flow>) => {
    const to =
      f.dst?.family === 'ipv4'
        ? [24, 16, 8, 0].map((shift) => (Number(f.dst?.value) >>> shift) & 255).join('.')
        : '?';
    return `${f.from} ${f.kind} ${to}${f.port === undefined ? '' : `:${f.port}`}`;
  };

  test('out, between containers, to the host and back, and what is published', () => {
    const { wanted } = questions({});
    for (const one of [
      'host ping 198.51.100.1',
      'web ping 198.51.100.1',
      'web tcp 198.51.100.1:443',
      'web ping 172.17.0.1',
      'web tcp 172.17.0.1:22',
      'host ping 172.17.0.2',
      'web ping 172.17.0.3',
      'peer ping 172.17.0.2',
      'inet tcp 203.0.113.2:8080',
      'host tcp 203.0.113.2:8080',
      'host tcp 127.0.0.1:8080',
    ]) {
      expect(wanted).toContain(one);
    }
  });

  test('what should stay closed is a panel of its own', () => {
    const { panel, wanted } = questions({});
    expect(panel).toEqual(['inet tcp 172.17.0.2:80', 'inet tcp 172.17.0.3:80', 'inet tcp 203.0.113.2:22']);
    expect(wanted.filter((w) => panel.includes(w))).toEqual([]);
  });

  test('containers of two networks belong to the panel', () => {
    const other = { name: 'app', subnet: '172.18.0.0/16' };
    const containers = [web, { name: 'peer', on: { app: '172.18.0.3/16' } }];
    const { wanted, panel } = questions({ networks: [bridge, other], containers });
    expect(panel).toEqual(expect.arrayContaining(['web ping 172.18.0.3', 'peer ping 172.17.0.2']));
    expect(wanted).not.toContain('web ping 172.18.0.3');
  });

  test('published on loopback is not asked from its own uplink', () => {
    const { wanted } = questions({ containers: [{ ...web, ports: ['127.0.0.1:8080:80/tcp'] }, peer] });
    expect(wanted).toContain('host tcp 127.0.0.1:8080');
    expect(wanted).not.toContain('host tcp 203.0.113.2:8080');
  });

  test('what only the userland proxy serves by IPv6 is asked by IPv6', () => {
    const { state, expected } = patientOf({
      broken: (before) =>
        onHost(before, (ns) => ({
          ...ns,
          links: ns.links.map((l) =>
            l.name === 'eth0'
              ? {
                  ...l,
                  addresses: [...l.addresses, { prefix: prefix('2001:db8:113::2/64'), scope: 'global' }],
                }
              : l,
          ),
        })),
    });
    const asked = questionsFor(state, expected).wanted.filter((f) => f.port === 8080 && f.dst !== undefined);
    const places = asked.map((f) => `${f.from} ${formatAddr(f.dst ?? addr('::'))}`);
    expect(places).toEqual(
      expect.arrayContaining(['inet 2001:db8:113::2', 'host 2001:db8:113::2', 'host ::1']),
    );
    expect(new Set(places).size).toBe(places.length);
  });

  test('numbered through', () => {
    const { ids } = questions({});
    expect(ids).toEqual(ids.map((_, i) => i));
  });

  test('without a plan, what the state shows', () => {
    const { state } = patientOf({});
    expect(questionsFor(state, undefined).wanted.map(text)).toEqual(
      ['host', 'web', 'peer'].flatMap((from) => [
        `${from} ping 198.51.100.1`,
        `${from} tcp 198.51.100.1:443`,
      ]),
    );
  });
});

describe('engines that make no rules for IPv6', () => {
  const networks = [{ ...bridge, subnet6: 'fd00:1::/64' }];
  const offered = (given: Case) =>
    ipv6MasqueradeCandidates(patientOf(given)).flatMap(({ changes }) =>
      changes.flatMap((change) =>
        change.kind === 'ruleset'
          ? change.to.tables.filter((t) => t.family === 'ipv6').flatMap((t) => t.chains)
          : [],
      ),
    );

  test('what they do for IPv4 is offered by hand', () => {
    const rules = offered({ engine: '17.06.2', networks }).flatMap((chain) => chain.rules.map(formatRule));
    expect(rules).toEqual(['-s fd00:1::/64 ! -o docker0 -j MASQUERADE']);
  });

  test.each<[string, Case]>([
    ['the network has no IPv6', { engine: '17.06.2' }],
    ['it has an option for that', { engine: '28.5.2', networks }],
    ['no rules were asked for', { engine: '17.06.2', networks, config: '{"iptables": false}' }],
  ])('not where %s', (_, given) => {
    expect(offered(given)).toEqual([]);
  });
});

describe('who is meant', () => {
  const { state, expected } = patientOf({});
  const succeeds = successOn(receiversOn(state, expected));
  const reached = (text: string, namespace: string, outcome: 'ok' | 'timeout' = 'ok') =>
    succeeds({
      flow: flow(text),
      outcome,
      deliveredTo: { namespace, address: addr('172.17.0.2') },
      hops: [],
      reply: [],
      unknowns: [],
      assumed: [],
    });

  test.each([
    ['inet tcp 203.0.113.2:8080', 'web', true],
    ['inet tcp 203.0.113.2:8080', 'host', false],
    ['inet udp 203.0.113.2:8080', 'host', true],
    ['inet tcp 203.0.113.2:22', 'host', true],
    ['host tcp 127.0.0.1:8080', 'web', true],
    ['host ping 172.17.0.2', 'web', true],
    ['host ping 172.17.0.2', 'inet', false],
    ['web tcp 198.51.100.7:8080', 'inet', true],
  ])('%s answered by %s: %s', (text, namespace, success) => {
    expect(reached(text, namespace)).toBe(success);
  });

  test('no answer is no success', () => {
    expect(reached('inet tcp 203.0.113.2:8080', 'web', 'timeout')).toBe(false);
  });
});
