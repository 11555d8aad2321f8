import { describe, expect, it } from 'vitest';
import {
  type ContainerSpec,
  defaultBridge,
  intentOf,
  type NetworkSpec,
  optionsOf,
  rulesetOf,
  rulesOf,
} from '../../test/support/plan.ts';
import { emptyNftRuleset } from '../firewall/nft/model.ts';
import { emptyRuleset } from '../firewall/ruleset.ts';
import { generationFor } from './generation.ts';
import type { Engine } from './intent-after.ts';
import { type EngineState, pristine, rulesAfterStop, type Transition, transition } from './transition.ts';

function engineOf(version: string, config = '{}'): Engine {
  const options = optionsOf(version, config);
  const generation = generationFor(options);
  if (generation === undefined) throw new Error(`no plan for ${version}`);
  return { options, generation };
}

const user: NetworkSpec = { name: 'net1', subnet: '172.18.0.0/16' };
const web: ContainerSpec = { name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['8080:80/tcp'] };
const inner: ContainerSpec = { name: 'inner', on: { net1: '172.18.0.2/16' }, ports: ['9090:90/tcp'] };

/** A host on which an engine was started, made networks and ran containers. */
function running(
  version: string,
  config = '{}',
  containers: readonly ContainerSpec[] = [web, inner],
): EngineState {
  const engine = engineOf(version, config);
  const before = pristine(engine, {
    backend: 'iptables-nft',
    ruleset: emptyRuleset,
    nft: emptyNftRuleset,
    forwarding: { ipv4: false, ipv6: false },
    listensOnIpv6: true,
    mirroredLoopback: false,
  });
  const intent = intentOf({ networks: [defaultBridge, user], containers });
  return transition(before, engine, 'start', intent).state;
}

function rules({ plan }: Transition): readonly string[] {
  return rulesOf(plan);
}

function left(changed: Transition): readonly string[] {
  return changed.leftBehind().map(({ table, text, why }) => `${table} ${text}: ${why}`);
}

const masquerade = (subnet: string, bridge: string) =>
  `nat -A POSTROUTING -s ${subnet} ! -o ${bridge} -j MASQUERADE`;

const engines = [
  '17.06.2',
  '19.03.15',
  '20.10.24',
  '26.1.5',
  '27.5.1',
  '28.0.0',
  '28.1.1',
  '28.5.2',
  '29.7.2',
];

describe.each(engines)('%s', (version) => {
  it('leaves the rules of networks when it stops, and none of containers', () => {
    const state = running(version);
    const stopped = rulesOf({ ...transition(state, state, 'reload').plan, ruleset: rulesAfterStop(state) });
    expect(stopped).toContain(masquerade('172.17.0.0/16', 'docker0'));
    expect(stopped).toContain(masquerade('172.18.0.0/16', 'br-net1'));
    expect(stopped.filter((rule) => /172\.1[78]\.0\.2/.test(rule))).toEqual([]);
    const empty = running(version, '{}', []);
    expect(stopped.toSorted()).toEqual(
      rulesOf({ ...transition(empty, empty, 'reload').plan, ruleset: empty.ruleset }).toSorted(),
    );
  });

  it('has the same rules after a restart, and after a live restore, in which nothing changed', () => {
    const state = running(version);
    const now = rules(transition(state, state, 'reload')).toSorted();
    expect(rules(transition(state, state, 'restart')).toSorted()).toEqual(now);
    expect(rules(transition(state, state, 'live-restore')).toSorted()).toEqual(now);
    expect(left(transition(state, state, 'restart'))).toEqual([]);
  });

  it('comes to rest: a second restart changes nothing any more, not even the order', () => {
    const state = running(version);
    const first = transition(state, state, 'restart').state;
    const second = transition(first, first, 'restart').state;
    const third = transition(second, second, 'restart');
    expect(rules(third)).toEqual(rules(transition(second, second, 'reload')));
  });

  it('makes again what was flushed, ports included, in both kinds of restart', () => {
    const state = running(version);
    // Until 27 DOCKER-USER comes with the next network that is made.
    const comparable = (texts: readonly string[]) =>
      texts.filter((rule) => !rule.includes('DOCKER-USER')).toSorted();
    const wanted = rules(transition(state, state, 'reload'));
    const flushed = { ...state, ruleset: rulesetOf('*filter\n:FORWARD DROP [0:0]\nCOMMIT\n') };
    expect(rules(transition(flushed, state, 'restart')).toSorted()).toEqual(wanted.toSorted());
    expect(comparable(rules(transition(flushed, state, 'live-restore')))).toEqual(comparable(wanted));
  });

  it('replaces the default network at a restart with another bip, and renumbers its containers', () => {
    const state = running(version);
    const moved = transition(state, engineOf(version, '{"bip":"10.9.0.1/24"}'), 'restart');
    expect(rules(moved)).toContain(masquerade('10.9.0.0/24', 'docker0'));
    expect(rules(moved).filter((rule) => rule.includes('172.17.'))).toEqual([]);
    expect(rules(moved).some((rule) => rule.includes('--to-destination 10.9.0.2:80'))).toBe(true);
    expect(rules(moved)).toContain(masquerade('172.18.0.0/16', 'br-net1'));
    expect(left(moved)).toEqual([]);
  });

  it('keeps ip-masq and bip of the default network under live restore, and takes up the proxy', () => {
    const state = running(version);
    const config = '{"ip-masq":false,"bip":"10.9.0.1/24","userland-proxy":false,"live-restore":true}';
    const { plan, settings } = transition(state, engineOf(version, config), 'live-restore');
    expect(rulesOf(plan)).toContain(masquerade('172.17.0.0/16', 'docker0'));
    expect(plan.sysctls.get('net.ipv4.conf.docker0.route_localnet')?.value).toBe('1');
    expect(plan.proxies).toEqual([]);
    expect(Object.fromEntries(settings.map(({ option, fate }) => [option, fate]))).toEqual({
      bip: 'kept-by-network',
      'ip-masq': 'kept-by-network',
      'userland-proxy': 'applied',
      'live-restore': 'applied',
    });
  });

  it('takes everything up where live restore finds no container', () => {
    const state = running(version, '{}', []);
    const { plan, settings } = transition(state, engineOf(version, '{"ip-masq":false}'), 'live-restore');
    expect(rulesOf(plan)).not.toContain(masquerade('172.17.0.0/16', 'docker0'));
    expect(settings.map(({ fate }) => fate)).toEqual(['applied']);
  });

  it('leaves everything but the rules of stopped containers when iptables is switched off', () => {
    const state = running(version);
    const off = transition(state, engineOf(version, '{"iptables":false}'), 'restart');
    expect(rules(off)).toContain(masquerade('172.17.0.0/16', 'docker0'));
    expect(rules(off).some((rule) => rule.includes('--to-destination'))).toBe(false);
    expect(left(off)).toContain(`${masquerade('172.17.0.0/16', 'docker0')}: tables-off`);
    expect(left(off)).toContain('filter -P FORWARD DROP: tables-off');
    const live = transition(state, engineOf(version, '{"iptables":false}'), 'live-restore');
    expect(rules(live).some((rule) => rule.includes('--to-destination 172.17.0.2:80'))).toBe(true);
  });

  it('does nothing to rules on SIGHUP', () => {
    const state = running(version);
    const { plan, settings } = transition(state, engineOf(version, '{"icc":false}'), 'reload');
    expect(plan.operations).toEqual([]);
    expect(plan.ruleset).toBe(state.ruleset);
    expect(settings).toMatchObject([{ option: 'icc', fate: 'waits-for-restart' }]);
  });

  it('leaves rules that are not its own where they are, and does not call them left behind', () => {
    const foreign = '-A POSTROUTING -s 10.1.0.0/16 -j MASQUERADE';
    const engine = engineOf(version);
    const before = pristine(engine, {
      backend: 'iptables-nft',
      nft: emptyNftRuleset,
      ruleset: rulesetOf(`*nat\n:POSTROUTING ACCEPT [0:0]\n${foreign}\nCOMMIT\n`),
      forwarding: { ipv4: true, ipv6: false },
      listensOnIpv6: true,
      mirroredLoopback: false,
    });
    const { state } = transition(before, engine, 'start', intentOf({ containers: [web] }));
    const again = transition(state, engine, 'restart');
    expect(rules(again)).toContain(`nat ${foreign}`);
    expect(left(again)).toEqual([]);
  });

  it('removes the default network with bridge none, rules and all', () => {
    const state = running(version);
    const none = transition(state, engineOf(version, '{"bridge":"none"}'), 'restart');
    expect(rules(none).filter((rule) => rule.includes('docker0'))).toEqual([]);
    expect(none.plan.links.map(({ name }) => name)).toEqual(['br-net1']);
    expect(left(none)).toEqual([]);
  });

  it('makes the default network where there was none, once bridge is no longer none', () => {
    const state = running(version);
    const none = transition(state, engineOf(version, '{"bridge":"none"}'), 'restart').state;
    expect(rules(transition(none, engineOf(version), 'restart'))).toContain(
      masquerade('172.17.0.0/16', 'docker0'),
    );
  });

  it('plans a bridge that is gone', () => {
    const state = running(version);
    for (const how of ['restart', 'live-restore'] as const)
      expect(
        transition(state, state, how)
          .plan.links.map(({ name }) => name)
          .toSorted(),
      ).toEqual(['br-net1', 'docker0']);
  });
});

describe('order', () => {
  it("a restart puts docker0's rules above those of user networks, which come back first", () => {
    const accepted = (changed: Transition) =>
      rules(changed).flatMap((rule) => /^filter -A FORWARD -i (\S+) ! -o/.exec(rule)?.[1] ?? []);
    const state = running('17.06.2');
    expect(accepted(transition(state, state, 'reload'))).toEqual(['br-net1', 'docker0']);
    expect(accepted(transition(state, state, 'restart'))).toEqual(['docker0', 'br-net1']);
  });

  it('a live restore leaves DOCKER-USER below isolation until 27.3, since no network is made', () => {
    const jumps = (version: string, how: 'restart' | 'live-restore') => {
      const state = running(version);
      return rules(transition(state, state, how)).flatMap(
        (rule) => /^filter -A FORWARD -j (\S+)$/.exec(rule)?.[1] ?? [],
      );
    };
    expect(jumps('17.06.2', 'restart')).toEqual(['DOCKER-USER', 'DOCKER-ISOLATION']);
    expect(jumps('17.06.2', 'live-restore')).toEqual(['DOCKER-ISOLATION', 'DOCKER-USER']);
    expect(jumps('27.3.1', 'live-restore')).toEqual(['DOCKER-ISOLATION-STAGE-1', 'DOCKER-USER']);
    expect(jumps('27.5.1', 'live-restore')).toEqual(['DOCKER-USER', 'DOCKER-ISOLATION-STAGE-1']);
  });
});

describe('containers', () => {
  it('that no policy brings back are named', () => {
    const state = running('28.5.2');
    const sandboxes = state.intent.sandboxes.map((sandbox) => ({
      ...sandbox,
      restarts: sandbox.name === 'web',
    }));
    const known = { ...state, intent: { ...state.intent, sandboxes } };
    expect(transition(known, state, 'restart').waiting).toEqual(['inner']);
    expect(transition(known, state, 'live-restore').waiting).toEqual([]);
    expect(transition(state, state, 'restart').waiting).toEqual([]);
  });
});

describe('an upgrade', () => {
  const steps = engines.flatMap((from, i) => engines.slice(i + 1).map((to) => [from, to] as const));

  it.each(steps)(
    'from %s to %s: what is not left behind is what a host of the new engine has',
    (from, to) => {
      const state = running(from);
      const next = engineOf(to);
      const after = transition(state, next, 'restart');
      const extra = after.leftBehind().map(({ table, text }) => `${table} ${text}`);
      const fresh = transition({ ...state, ...next, ruleset: emptyRuleset }, next, 'restart');
      const only = (texts: readonly string[]) => texts.filter((rule) => !extra.includes(rule)).toSorted();
      // Forwarding is on already, so the fresh host here has no policy to set; and its DOCKER-USER may be empty.
      const comparable = (texts: readonly string[]) =>
        texts.filter((rule) => !/ -P | -N DOCKER-USER$/.test(rule));
      expect(comparable(only(rules(after)))).toEqual(comparable(rules(fresh)).toSorted());
    },
  );

  it('leaves nothing of 17.06 in FORWARD of 28.5, even of networks that may not talk', () => {
    const state = running('17.06.2', '{"icc":false}');
    const after = transition(state, engineOf('28.5.2', '{"icc":false}'), 'restart');
    expect(left(after)).toEqual(['filter -A DOCKER-USER -j RETURN: nobody-removes-it']);
    expect(rules(after).filter((rule) => rule.startsWith('filter -A FORWARD'))).toEqual([
      'filter -A FORWARD -j DOCKER-USER',
      'filter -A FORWARD -j DOCKER-FORWARD',
    ]);
  });

  it('of the nftables backend makes the chains of its default network anew, behind those that stay', () => {
    const native = '{"firewall-backend":"nftables"}';
    const chains = (changed: Transition) =>
      changed.plan.nft.tables[0]?.chains.flatMap(
        ({ name }) => /^filter-forward-in__(.*)/.exec(name)?.[1] ?? [],
      );
    const state = running('29.7.2', native);
    const restarted = transition(state, state, 'restart');
    expect(restarted.plan.unmodelled).toEqual([]);
    expect(chains(restarted)).toEqual(['br-net1', 'docker0']);
    expect(chains(transition(state, state, 'live-restore'))).toEqual(['docker0', 'br-net1']);
  });

  it('to the nftables backend takes the rules of iptables away, and comes back without the native tables', () => {
    const state = running('28.5.2');
    const native = engineOf('29.7.2', '{"firewall-backend":"nftables"}');
    const there = transition(state, native, 'restart');
    expect(there.plan.nft.tables.length).toBeGreaterThan(0);
    expect(rules(there)).toEqual([
      'filter -P FORWARD DROP',
      'filter -A FORWARD -j DOCKER-USER',
      'filter -N DOCKER-USER',
    ]);
    expect(there.plan.unmodelled).toEqual([]);
    const back = transition(there.state, engineOf('29.7.2'), 'restart');
    expect(back.plan.nft.tables).toEqual([]);
    expect(rules(back)).toContain(masquerade('172.18.0.0/16', 'br-net1'));
  });

  it('leaves the hairpin rule behind when an engine before 23.0 gets the proxy back', () => {
    const hairpin = 'nat -A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE';
    const leftBy = (version: string) => {
      const state = running(version, '{"userland-proxy":false}');
      return left(transition(state, engineOf(version), 'live-restore'));
    };
    expect(leftBy('20.10.24')).toContain(`${hairpin}: nobody-removes-it`);
    expect(leftBy('26.1.5')).toEqual([]);
  });
});
