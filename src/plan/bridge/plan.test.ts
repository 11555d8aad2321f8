import { describe, expect, it } from 'vitest';
import { planOf, rulesOf } from '../../../test/support/plan.ts';
import type { Because } from '../../net/reason.ts';
import type { Plan } from '../plan.ts';

function becauseOf(plan: Plan, part: string): readonly Because[] {
  for (const { chains } of plan.ruleset.tables) {
    for (const { rules } of chains) {
      const found = rules.find(({ target, source }) => target?.name === part && source !== undefined);
      if (found?.reason !== undefined) return found.reason.because;
    }
  }
  throw new Error(`no ${part}`);
}

describe('planBridge', () => {
  it('carries the place of the setting that decided', () => {
    const plan = planOf({ engine: '28.5.2', config: '{\n "ip-masq": true,\n "bip": "172.17.0.1/16"\n}' });
    expect(becauseOf(plan, 'MASQUERADE')).toEqual([
      { setting: 'ip-masq', value: true, origin: { kind: 'file', path: 'daemon.json', line: 2, column: 13 } },
      {
        setting: 'bip',
        value: '172.17.0.1/16',
        origin: { kind: 'file', path: 'daemon.json', line: 3, column: 9 },
      },
    ]);
  });

  it("carries a user-defined network's own option", () => {
    const label = 'com.docker.network.bridge.enable_ip_masquerade';
    const network = (options: Readonly<Record<string, string>>) =>
      planOf({ engine: '17.06.2', networks: [{ name: 'net', subnet: '10.5.0.0/24', options }] });
    expect(becauseOf(network({ [label]: '1' }), 'MASQUERADE')[0]).toEqual({
      setting: label,
      value: true,
      origin: { kind: 'network', network: 'net', option: label },
    });
    expect(becauseOf(network({}), 'MASQUERADE')[0]).toEqual({
      setting: label,
      value: true,
      origin: { kind: 'default' },
    });
  });

  it('is not moved by options of the default network on others', () => {
    const networks = [{ name: 'net', subnet: '10.5.0.0/24' }];
    const rules = (config: string) => rulesOf(planOf({ engine: '28.5.2', config, networks }));
    expect(rules('{"ip-masq":false,"icc":false,"ip":"127.0.0.1"}')).toEqual(rules('{}'));
  });

  it('follows the order in which endpoints were made, where all are known', () => {
    const container = (name: string, address: string, sequence?: number) => ({
      name,
      on: { bridge: address },
      ...(sequence === undefined ? {} : { sequence }),
    });
    const drops = (first?: number, second?: number) =>
      rulesOf(
        planOf({
          engine: '28.5.2',
          containers: [container('a', '172.17.0.2/16', first), container('b', '172.17.0.3/16', second)],
        }),
      )
        .filter((rule) => rule.startsWith('raw'))
        .map((rule) => /172\.17\.0\.(\d)/.exec(rule)?.[1]);
    expect(drops()).toEqual(['2', '3']);
    expect(drops(1, 0)).toEqual(['3', '2']);
    expect(drops(1)).toEqual(['2', '3']);
  });

  it('names what a published port was asked as, and what gave its address', () => {
    const settings = (port: string) => {
      const plan = planOf({
        engine: '17.06.2',
        containers: [{ name: 'web', on: { bridge: '172.17.0.2/16' }, ports: [port] }],
      });
      return plan.proxies[0]?.reason.because.map(({ setting, value }) => `${setting}=${value}`);
    };
    expect(settings('8080:80/tcp')).toEqual(['userland-proxy=true', 'publish=8080:80/tcp', 'ip=0.0.0.0']);
    expect(settings('127.0.0.1:8080:80/tcp')).toEqual([
      'userland-proxy=true',
      'publish=127.0.0.1:8080:80/tcp',
    ]);
  });

  it('says where the engine would stop', () => {
    const before = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER-USER - [0:0]
:LOOP - [0:0]
-A DOCKER-USER -j LOOP
-A LOOP -j DOCKER-USER
COMMIT
`;
    expect(planOf({ engine: '28.5.2' }).unmodelled).toEqual([]);
    const swarm = [
      { name: 'ingress', driver: 'overlay', subnet: '10.0.0.0/24' },
      { name: 'docker_gwbridge', subnet: '172.18.0.0/16' },
    ];
    expect(planOf({ engine: '28.5.2', networks: swarm }).unmodelled).toEqual([
      expect.stringContaining('DOCKER-INGRESS'),
    ]);
    expect(planOf({ engine: '28.5.2', before }).unmodelled).toEqual([
      expect.stringContaining('what follows "keep the administrator\'s chain first"'),
    ]);
  });
});
