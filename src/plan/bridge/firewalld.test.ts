import { describe, expect, it } from 'vitest';
import { type HostSpec, planOf } from '../../../test/support/plan.ts';
import { firewallCmd } from './firewalld.ts';

const networks = [
  { name: 'bridge', subnet: '172.17.0.0/16' },
  { name: 'net1', subnet: '172.18.0.0/16' },
  { name: 'int', subnet: '172.19.0.0/16', internal: true },
];

/** What an engine asks firewalld for, as one would type it. */
function asked(engine: string, more: Partial<HostSpec> = {}): readonly string[] | undefined {
  return planOf({ engine, networks, firewalld: true, ...more })
    .firewalld?.flatMap(firewallCmd)
    .map((args) => args.join(' '));
}

const zone = ['--permanent --new-zone=docker', '--permanent --zone=docker --set-target=ACCEPT'];
const policy = [
  '--permanent --new-policy=docker-forwarding',
  '--permanent --policy=docker-forwarding --set-target=ACCEPT',
  '--permanent --policy=docker-forwarding --add-ingress-zone=ANY',
  '--permanent --policy=docker-forwarding --add-egress-zone=docker',
];
const member = (bridge: string) => `--zone=docker --add-interface=${bridge}`;

describe('plannedFirewalld', () => {
  it('is nothing before 20.10, which pass commands through and no more', () => {
    expect(asked('19.03.15')).toEqual([]);
  });

  it('is a zone with the bridges since 20.10, those of internal networks since 25.0.2', () => {
    expect(asked('20.10.24')).toEqual([...zone, member('docker0'), member('br-net1')]);
    expect(asked('26.1.5')).toEqual([...zone, member('docker0'), member('br-net1'), member('br-int')]);
  });

  it('is a policy as well since 27.0', () => {
    expect(asked('26.1.5')).not.toContain(policy[0]);
    expect(asked('27.0.1')).toEqual([...zone, ...policy, ...['docker0', 'br-net1', 'br-int'].map(member)]);
  });

  it('is nothing without rules, and not known where firewalld does not run', () => {
    const neither = '{"iptables":false,"ip6tables":false}';
    expect(asked('28.5.2', { config: neither })).toEqual([]);
    expect(asked('28.5.2', { firewalld: false })).toBeUndefined();
  });

  it('names the network that a bridge is of', () => {
    const last = planOf({ engine: '28.5.2', networks, firewalld: true }).firewalld?.at(-1);
    expect(last?.reason.because[0]).toMatchObject({ setting: 'network', value: 'int' });
  });
});
