import { describe, expect, it } from 'vitest';
import type { OptionName } from '../options/options.ts';
import { type Explanation, explainOption } from './explain.ts';

function explain(option: OptionName, config?: string, engine = '28.5.2'): Explanation {
  return explainOption({
    option,
    engine,
    ...(config === undefined ? {} : { file: { path: 'd.json', text: config } }),
  });
}

function change({ difference }: Explanation): {
  readonly removed: readonly string[];
  readonly added: readonly string[];
} {
  const texts = (parts: readonly { readonly text: string }[] = []) => parts.map(({ text }) => text);
  return { removed: texts(difference?.removed), added: texts(difference?.added) };
}

describe('explainOption', () => {
  it("starts from the default, or from the user's file with its place", () => {
    expect(explain('ip-masq').configured.setting).toEqual({ value: true, origin: { kind: 'default' } });
    const own = explain('ip-masq', '{\n "ip-masq": false\n}');
    expect(own.configured.setting).toMatchObject({
      value: false,
      origin: { kind: 'file', path: 'd.json', line: 2 },
    });
    expect(own.changed?.setting.value).toBe(true);
    expect(change(own).added).toEqual([
      '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
      '-A DOCKER -i docker0 -j RETURN',
    ]);
  });

  it('lists what the option decides: operations and other parts', () => {
    const { configured, changed } = explain('userland-proxy');
    const ipv4 = configured.operations.filter(({ family }) => family === 'ipv4');
    expect(ipv4.map(({ reason }) => reason.step)).toEqual([
      'leave loopback to the userland proxy',
      "leave containers' packets for published ports to the userland proxy",
      'translate a published port',
    ]);
    expect(configured.parts.map(({ kind }) => kind)).toEqual(['proxy', 'proxy']);
    expect(changed?.parts.map(({ text }) => text)).toEqual([
      'net.ipv4.conf.docker0.route_localnet = 1',
      'net.bridge.bridge-nf-call-iptables = 1',
      'net.bridge.bridge-nf-call-ip6tables = 1',
    ]);
  });

  it('shows differences beyond rules', () => {
    expect(change(explain('mtu'))).toEqual({
      removed: ['docker0 mtu 1500 172.17.0.1/16'],
      added: ['docker0 mtu 1400 172.17.0.1/16'],
    });
    expect(change(explain('icc', undefined, '17.06.2'))).toEqual({
      removed: ['-A FORWARD -i docker0 -o docker0 -j ACCEPT'],
      added: ['-A FORWARD -i docker0 -o docker0 -j DROP', 'net.bridge.bridge-nf-call-iptables = 1'],
    });
    expect(change(explain('bip')).added).toContain('192.168.200.0/24 dev docker0 src 192.168.200.1');
  });

  it('says what dockerd would refuse or warn about', () => {
    const refused = explain('iptables', '{"icc":false}');
    expect(refused.changed?.impossible).toBeDefined();
    expect(refused.changed?.errors).toHaveLength(1);
    expect(refused.difference).toBeUndefined();
    expect(explain('iptables').changed?.warnings.map(({ code }) => code)).toEqual([
      'ip-masq-off-without-iptables',
    ]);
    expect(explain('mtu', '{"icc":').configured.impossible).toBeDefined();
  });

  it('knows facts of the table, by version', () => {
    expect(explain('ip-masq')).toMatchObject({
      type: 'bool',
      default: true,
      known: true,
      reloadable: false,
      flags: ['--ip-masq'],
      networkOption: 'com.docker.network.bridge.enable_ip_masquerade',
    });
    expect(explain('bridge').flags).toEqual(['-b, --bridge']);
    expect(explain('allow-direct-routing', undefined, '17.06.2')).toMatchObject({ known: false });
    expect(explain('allow-direct-routing', undefined, '17.06.2').changed).toBeUndefined();
    expect(explain('dns').changed).toBeUndefined();
  });

  it('tries another value than the configured one', () => {
    expect(explain('mtu', '{"mtu":1400}').changed?.setting.value).toBe(1500);
    expect(explain('bip', '{"bip":"192.168.200.1/24"}').changed?.setting.value).toBe('192.168.201.1/24');
  });
});
