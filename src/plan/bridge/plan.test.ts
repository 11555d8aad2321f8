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
    expect(planOf({ engine: '28.5.2', before }).unmodelled).toEqual([
      expect.stringContaining('what follows "keep the administrator\'s chain first"'),
    ]);
  });
});
