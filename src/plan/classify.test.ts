import { describe, expect, it } from 'vitest';
import { bothFamilies, manyHosts, networksOf } from '../../test/support/many-hosts.ts';
import { planOf, rulesetOf } from '../../test/support/plan.ts';
import { formatRule } from '../firewall/args.ts';
import { builtinChains, type Ruleset, type TableName } from '../firewall/ruleset.ts';
import { classifyChain, classifyNftTable, ruleClassifier } from './classify.ts';
import { generations, lastEngineOf } from './generation.ts';

/** `FORWARD -j ACCEPT` to its owner. */
function owners(ruleset: Ruleset, known?: readonly string[]): readonly (readonly [string, string])[] {
  const classify = ruleClassifier(ruleset, known);
  return ruleset.tables.flatMap(({ family, name: table, chains }) =>
    chains.flatMap(({ name: chain, rules }) =>
      rules.map((rule) => {
        const { owner } = classify({ family, table, chain, rule });
        return [`${chain} ${formatRule(rule)}`, owner] as const;
      }),
    ),
  );
}

function fromSave(table: TableName, ...rules: readonly string[]): Ruleset {
  const chains = builtinChains[table].map((chain) => `:${chain} ACCEPT [0:0]`);
  const ruleset = rulesetOf(`${[`*${table}`, ...chains, ...rules, 'COMMIT'].join('\n')}\n`);
  const read = ruleset.tables.flatMap((t) => t.chains.flatMap((chain) => chain.rules));
  expect(read.length).toBe(rules.filter((line) => line.startsWith('-A')).length);
  return ruleset;
}

describe('ruleClassifier', () => {
  it.each(generations)("holds every rule of %s for Docker's", (generation) => {
    const foreign = manyHosts(lastEngineOf(generation)).flatMap((spec) =>
      owners(planOf(spec).ruleset).filter(([, owner]) => owner !== 'docker'),
    );
    expect(foreign).toEqual([]);
  });

  it('knows a stale rule of a bridge or container that is gone', () => {
    const stale = fromSave(
      'nat',
      '-A POSTROUTING -s 172.30.0.0/16 ! -o br-0123456789ab -j MASQUERADE',
      '-A POSTROUTING -s 172.17.0.9/32 -d 172.17.0.9/32 -p tcp -m tcp --dport 80 -j MASQUERADE',
      '-A POSTROUTING -s 172.31.0.0/16 ! -o mine -j MASQUERADE',
    );
    expect(owners(stale).map(([, owner]) => owner)).toEqual(['docker', 'docker', 'unknown']);
    expect(owners(stale, ['mine']).map(([, owner]) => owner)).toEqual(['docker', 'docker', 'docker']);
  });

  it('tells what it goes by', () => {
    const ruleset = fromSave('nat', '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE');
    const rule = ruleset.tables[0]?.chains.flatMap(({ rules }) => rules)[0] ?? { matches: [] };
    const placed = { family: 'ipv4', table: 'nat', chain: 'POSTROUTING', rule } as const;
    expect(ruleClassifier(ruleset)(placed)).toEqual({
      owner: 'docker',
      because: { kind: 'shape', name: '-s NET ! -o BR -j MASQUERADE' },
    });
  });

  it('leaves DOCKER-USER to the administrator, or to the program that shows', () => {
    const user = fromSave(
      'filter',
      ':DOCKER-USER - [0:0]',
      '-A DOCKER-USER -m set --match-set crowdsec-blacklists src -j DROP',
      '-A DOCKER-USER -i eth0 -j DROP',
      '-A DOCKER-USER -j RETURN',
    );
    expect(owners(user).map(([, owner]) => owner)).toEqual(['crowdsec', 'docker-user', 'docker']);
  });

  it('holds an accept in raw for a trusted interface only beside the drop for the same container', () => {
    const drop = '-A PREROUTING -d 172.18.0.2/32 ! -i br-0123456789ab -j DROP';
    const accept = '-A PREROUTING -d 172.18.0.2/32 -i eth1 -j ACCEPT';
    expect(owners(fromSave('raw', accept)).map(([, owner]) => owner)).toEqual(['unknown']);
    expect(owners(fromSave('raw', accept, drop)).map(([, owner]) => owner)).toEqual(['docker', 'docker']);
  });

  it("tells swarm's rules from those that a plan holds", () => {
    const swarm = [
      '-A FORWARD -j DOCKER-INGRESS',
      '-A FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP',
      '-A DOCKER-INGRESS -p tcp -m tcp --dport 8080 -j ACCEPT',
      '-A DOCKER-INGRESS -p tcp -m state --state RELATED,ESTABLISHED -m tcp --sport 8080 -j ACCEPT',
      '-A DOCKER-INGRESS -p tcp -m tcp --sport 8080 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A DOCKER-INGRESS -j RETURN',
    ];
    const found = owners(fromSave('filter', ':DOCKER-INGRESS - [0:0]', ...swarm));
    expect(found.map(([, owner]) => owner)).toEqual(swarm.map(() => 'swarm'));
    expect(classifyChain('DOCKER-INGRESS').owner).toBe('swarm');
    const local = '-A POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE';
    expect(owners(fromSave('nat', local)).map(([, owner]) => owner)).toEqual(['swarm']);
  });

  it("finds other programs between Docker's rules", () => {
    const { tables } = planOf(networksOf('28.5.2', bothFamilies)).ruleset;
    const ufw = fromSave('filter', '-A FORWARD -j ufw-before-forward', '-A FORWARD -j LOG');
    expect(owners({ tables: [...ufw.tables, ...tables] }).filter(([, owner]) => owner !== 'docker')).toEqual([
      ['FORWARD -j ufw-before-forward', 'ufw'],
      ['FORWARD -j LOG', 'unknown'],
    ]);
  });
});

it('classifyChain and classifyNftTable go by the name', () => {
  expect(
    ['DOCKER-CT', 'DOCKER-USER', 'ufw-after-input', 'FORWARD'].map((name) => classifyChain(name).owner),
  ).toEqual(['docker', 'docker-user', 'ufw', 'unknown']);
  expect(
    ['docker-bridges', 'docker-dns', 'netavark', 'mine'].map((name) => classifyNftTable(name).owner),
  ).toEqual(['docker', 'docker', 'podman', 'unknown']);
});
