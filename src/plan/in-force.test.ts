import { describe, expect, it } from 'vitest';
import { optionsOf, prefix } from '../../test/support/plan.ts';
import type { Intent } from '../intent/intent.ts';
import { parseAddr } from '../net/addr.ts';
import { type EngineLog, readEngineLog } from './engine-log.ts';
import { optionsInForce } from './in-force.ts';

const kept = {
  'com.docker.network.bridge.default_bridge': 'true',
  'com.docker.network.bridge.enable_icc': 'true',
  'com.docker.network.bridge.enable_ip_masquerade': 'true',
  'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
  'com.docker.network.bridge.name': 'docker0',
  'com.docker.network.driver.mtu': '1500',
};

function intent(options: Readonly<Record<string, string>>, gateway = '172.17.0.1'): Intent {
  const addr = parseAddr(gateway);
  return {
    networks: [
      {
        id: 'b',
        name: 'bridge',
        driver: 'bridge',
        internal: false,
        ipv4: true,
        ipv6: false,
        options: { ...kept, ...options },
        ipam: [{ subnet: prefix('172.17.0.0/16'), ...(addr === undefined ? {} : { gateway: addr }) }],
      },
    ],
    sandboxes: [],
  };
}

const silent: EngineLog = readEngineLog('');

function differing(config: string, reported: Intent, log: EngineLog = silent): readonly unknown[] {
  const { notInForce } = optionsInForce(optionsOf('28.5.2', config), reported, log);
  return notInForce.map(({ option, configured, inForce }) => [option, configured.value, inForce.value]);
}

describe('optionsInForce', () => {
  it('are the configured ones where the network agrees', () => {
    const options = optionsOf('28.5.2', '{"ip-masq":true}');
    expect(optionsInForce(options, intent({}), silent)).toEqual({ options, notInForce: [] });
    expect(differing('{"mtu":0,"bridge":"","ip":""}', intent({}))).toEqual([]);
  });

  it('are what the network keeps where it disagrees, with the network as origin', () => {
    const configured = optionsOf('28.5.2', '{"ip-masq":false}');
    const { options, notInForce } = optionsInForce(configured, intent({}), silent);
    expect(options.settings['ip-masq']).toEqual({
      value: true,
      origin: {
        kind: 'network',
        network: 'bridge',
        option: 'com.docker.network.bridge.enable_ip_masquerade',
      },
    });
    expect(notInForce.map(({ option }) => option)).toEqual(['ip-masq']);
    expect(notInForce[0]?.configured.origin).toMatchObject({ kind: 'file', line: 1 });
  });

  it('are compared for every option that the network keeps', () => {
    const config = '{"icc":false,"mtu":1400,"ip":"127.0.0.1","bridge":"br0"}';
    expect(differing(config, intent({}))).toEqual([
      ['bridge', 'br0', 'docker0'],
      ['icc', false, true],
      ['ip', '127.0.0.1', '0.0.0.0'],
      ['mtu', 1400, 1500],
    ]);
  });

  it('do not have a bip that the network contradicts', () => {
    expect(differing('{"bip":"172.17.0.1/16"}', intent({}))).toEqual([]);
    expect(differing('{"bip":"10.0.0.1/24"}', intent({}))).toEqual([['bip', '10.0.0.1/24', '']]);
    expect(differing('{"bip":"172.17.0.1/16"}', intent({}, '172.17.0.9'))).toEqual([
      ['bip', '172.17.0.1/16', ''],
    ]);
  });

  it('take the userland proxy from the log', () => {
    const log = readEngineLog(
      'msg="/sbin/iptables, [--wait -t nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER]"',
    );
    expect(differing('{}', intent({}), log)).toEqual([['userland-proxy', true, false]]);
    expect(differing('{"userland-proxy":false}', intent({}), log)).toEqual([]);
  });

  it('take the firewall backend from the running engine; unset is iptables', () => {
    const origin = { kind: 'file', path: 'docker-info.json', line: 3, column: 1 } as const;
    const found = (config: string, value: 'iptables' | 'nftables') =>
      optionsInForce(optionsOf('29.7.2', config), intent({}), silent, { value, origin }).notInForce.map(
        ({ option, inForce }) => [option, inForce.value],
      );
    expect(found('{}', 'iptables')).toEqual([]);
    expect(found('{}', 'nftables')).toEqual([['firewall-backend', 'nftables']]);
    expect(found('{"firewall-backend":"nftables"}', 'nftables')).toEqual([]);
    expect(found('{"firewall-backend":"nftables"}', 'iptables')).toEqual([['firewall-backend', 'iptables']]);
  });

  it('stay as configured without a default network', () => {
    expect(differing('{"bridge":"none","icc":false}', { networks: [], sandboxes: [] })).toEqual([]);
  });
});
