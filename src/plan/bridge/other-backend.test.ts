/** Changing the firewall backend of an engine of 29, both ways. */
import { describe, expect, it } from 'vitest';
import { intentOf, optionsOf, rulesetOf } from '../../../test/support/plan.ts';
import { printSave } from '../../firewall/save.ts';
import type { Plan } from '../plan.ts';
import { type BridgePlanInput, planBridge } from './plan.ts';

const engine = '29.7.2';
const native = '{"firewall-backend":"nftables","ip6tables":true}';

/** A network with a container, which came back from the store when the engine started. */
const intent = intentOf({
  networks: [
    { name: 'bridge', subnet: '172.17.0.0/16', subnet6: 'fd00:17::/64', restored: true },
    { name: 'int', subnet: '172.18.0.0/16', internal: true, restored: true },
  ],
  containers: [
    {
      name: 'web',
      on: { bridge: '172.17.0.2/16 fd00:17::2/64' },
      ports: ['8080:80/tcp', '127.0.0.1:8081:81/tcp'],
      restored: true,
    },
  ],
});

function plan(config: string, before?: BridgePlanInput['before']): Plan {
  const generation = config === '{}' ? 'G10' : 'N1';
  return planBridge({
    ...{ options: optionsOf(engine, config), intent, generation, backend: 'iptables-nft' },
    ...(before === undefined ? {} : { before }),
  });
}

describe('from iptables to nftables', () => {
  const old = plan('{}', { ipForward: true });

  it('leaves DOCKER-USER, and nothing else of Docker', () => {
    const after = plan(native, { ipForward: true, ruleset: old.ruleset });
    const rules = (family: 'ipv4' | 'ipv6') =>
      printSave(after.ruleset, { family })
        .split('\n')
        .filter((line) => /^-A|^:DOCKER/.test(line));
    expect(rules('ipv4')).toEqual([':DOCKER-USER - [0:0]', '-A FORWARD -j DOCKER-USER']);
    expect(rules('ipv6')).toEqual([':DOCKER-USER - [0:0]', '-A FORWARD -j DOCKER-USER']);
    expect(after.unmodelled).toEqual([]);
    expect(after.nft).toEqual(plan(native).nft);
  });

  it('touches no rule of others, nor any where the jump of Docker is not there', () => {
    const foreign =
      '*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n';
    const before = { ipForward: true, ruleset: rulesetOf(foreign) };
    expect(plan(native, before)).toMatchObject({ operations: [], ruleset: before.ruleset });
    expect(plan(native).operations).toEqual([]);
  });
});

it('from nftables to iptables the tables go', () => {
  const old = plan(native);
  expect(old.nft.tables).toHaveLength(2);
  const after = plan('{}', { ipForward: true, nft: old.nft });
  expect(after.nft.tables).toEqual([]);
  expect(after.ruleset).toEqual(plan('{}', { ipForward: true }).ruleset);
  expect(after.nftTransactions).toHaveLength(2);
});
