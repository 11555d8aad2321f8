import { describe, expect, it } from 'vitest';
import { hasOption, vocabularyOf } from './flags.ts';
import { configFileOf } from './resolve.ts';
import { envTable, optionNames, optionTable } from './table.ts';
import { isAtLeast, isVersion, spans } from './version.ts';

/** Engines at both sides of every change. */
const engines = [
  '17.06.2',
  '17.12.1',
  '18.01.0',
  '18.06.0',
  '18.09.0',
  '19.03.0',
  '20.10.24',
  '23.0.18',
  '24.0.9',
  '27.5.1',
  '28.0.1',
  '28.2.0',
  '28.5.2',
  '29.7.2',
];

describe('optionTable', () => {
  it('has options from and up to the versions of their flags', () => {
    const changes = engines.slice(1).map((engine, index) => {
      const before = engines[index] ?? '';
      const added = optionNames.filter((name) => hasOption(name, engine) && !hasOption(name, before));
      const gone = optionNames.filter((name) => !hasOption(name, engine) && hasOption(name, before));
      return [engine, added, gone];
    });
    expect(changes.filter(([, added, gone]) => added?.length !== 0 || gone?.length !== 0)).toEqual([
      ['17.12.1', ['network-control-plane-mtu'], []],
      ['18.01.0', ['network-diagnostic-port'], []],
      ['18.06.0', ['default-address-pools'], []],
      ['18.09.0', ['features'], []],
      ['19.03.0', ['rootless'], []],
      ['20.10.24', ['ip6tables', 'host-gateway-ips'], []],
      ['24.0.9', ['default-network-opts'], ['cluster-store', 'cluster-advertise', 'cluster-store-opts']],
      ['28.0.1', ['bip6', 'ip-forward-no-drop'], []],
      ['28.2.0', ['allow-direct-routing'], []],
      ['29.7.2', ['firewall-backend', 'bridge-accept-fwmark'], []],
    ]);
  });

  it('reloads two options only', () => {
    expect(optionNames.filter((name) => optionTable[name].reloadable)).toEqual([
      'live-restore',
      'network-diagnostic-port',
    ]);
  });

  it('concerns the default network with these options', () => {
    expect(optionNames.filter((name) => optionTable[name].scope === 'default-bridge')).toEqual([
      'bridge',
      'bip',
      'bip6',
      'fixed-cidr',
      'fixed-cidr-v6',
      'default-gateway',
      'default-gateway-v6',
      'icc',
      'ip',
      'ip-masq',
      'ipv6',
      'mtu',
    ]);
  });

  it('knows each environment variable in its versions', () => {
    const known = (engine: string) =>
      Object.keys(envTable).filter((name) => spans(envTable[name] ?? {}, engine));
    expect(known('27.4.1')).toEqual([]);
    expect(known('27.5.1')).toEqual(['DOCKER_IGNORE_BR_NETFILTER_ERROR']);
    expect(known('28.0.1')).toEqual(['DOCKER_IGNORE_BR_NETFILTER_ERROR', 'DOCKER_IPTABLES_SCTP_CHECKSUM']);
    expect(known('28.2.0')).toHaveLength(4);
    expect(known('29.0.0')).toEqual(['DOCKER_INSECURE_NO_IPTABLES_RAW', 'DOCKER_IGNORE_BR_NETFILTER_ERROR']);
  });
});

describe('vocabularyOf', () => {
  it('has one flag per name and per shorthand in every version', () => {
    for (const engine of engines) {
      const words = vocabularyOf(engine);
      const flags = [...words.byName.values()];
      const shorthands = flags.flatMap((flag) => flag.shorthand ?? []);
      expect(words.byShorthand.size).toBe(shorthands.length);
    }
  });

  it('has the shorthands of dockerd', () => {
    const letters = (engine: string) => [...vocabularyOf(engine).byShorthand.keys()].sort().join('');
    expect([letters('17.06.2'), letters('28.5.2')]).toEqual(['DGHbglprsv', 'DGHblprsv']);
  });
});

describe('versions', () => {
  it('compares numbers, not text', () => {
    expect(isAtLeast('20.10.24+dfsg1', '20.9')).toBe(true);
    expect(isAtLeast('v28.5.2', '28.5.2')).toBe(true);
    expect(isAtLeast('17.06.2-ce', '17.6')).toBe(true);
    expect(isAtLeast('28.2.1', '28.2.2')).toBe(false);
    expect(isAtLeast('9.99', '17.06')).toBe(false);
    expect([isVersion('28.5'), isVersion('v17.06.2-ce'), isVersion('latest')]).toEqual([true, true, false]);
  });
});

describe('configFileOf', () => {
  it('finds the path in the arguments', () => {
    expect(configFileOf(['dockerd', '-D', '--config-file', '/x.json'], '28.5.2')).toBe('/x.json');
    expect(configFileOf(['dockerd', '-b', '--config-file=/x.json'], '28.5.2')).toBeUndefined();
  });
});
