import { describe, expect, it } from 'vitest';
import { resolveOptions } from './resolve.ts';

const path = 'daemon.json';

function refusals(engine: string, config: object, ...argv: string[]): string[] {
  const file = { path, text: JSON.stringify(config) };
  return resolveOptions({ engine, file, argv: ['dockerd', ...argv] }).errors.map(({ message }) => message);
}

const unable = `unable to configure the Docker daemon with file ${path}:`;
const merged = `${unable} merged configuration validation from file and command line flags failed:`;
const network = 'failed to start daemon: Error initializing network controller:';

describe('values', () => {
  it.each([
    [
      '17.06.2',
      { dns: ['zz'] },
      `${unable} configuration validation from file failed (zz is not an ip address)`,
    ],
    [
      '20.10.24',
      { dns: ['1.2.3.04'] },
      `${unable} configuration validation from file failed: 1.2.3.04 is not an ip address`,
    ],
    [
      '19.03.15',
      { dns: ['zz'] },
      `${unable} configuration validation from file failed: zz is not an ip address`,
    ],
    [
      '25.0.5',
      { 'userland-proxy-path': 'x' },
      `${merged} invalid userland-proxy-path: must be an absolute path: x`,
    ],
    ['25.0.5', { 'fixed-cidr-v6': 'zz' }, `${merged} invalid fixed-cidr-v6: invalid CIDR address: zz`],
    ['24.0.9', { dns: ['zz'] }, `${merged} zz is not an ip address`],
    ['26.1.5', { dns: ['zz'] }, `${unable} invalid IP address: zz`],
    ['28.5.2', { 'dns-search': ['!!'] }, `${merged} !! is not a valid domain`],
    ['23.0.18', { mtu: -5 }, `${merged} invalid default MTU: -5`],
    [
      '28.5.2',
      { 'network-diagnostic-port': 70000 },
      `${merged} invalid network-diagnostic-port (70000): value must be between 0 and 65535`,
    ],
    [
      '28.5.2',
      { 'network-diagnostic-port': -1 },
      `${merged} invalid network-diagnostic-port (-1): value must be between 0 and 65535`,
    ],
    [
      '28.5.2',
      { 'host-gateway-ips': ['1.1.1.1', '1.1.1.2'] },
      `${merged} only one IPv4 host gateway IP address can be specified`,
    ],
    [
      '28.5.2',
      { 'host-gateway-ips': ['1.1.1.1', '::1', '::2'] },
      `${merged} only one IPv6 host gateway IP address can be specified`,
    ],
    [
      '26.1.5',
      { 'userland-proxy-path': 'x' },
      `${merged} invalid userland-proxy-path: must be an absolute path: x`,
    ],
    ['26.1.5', { 'fixed-cidr-v6': 'zz' }, `${merged} invalid fixed-cidr-v6: invalid CIDR address: zz`],
    [
      '26.1.5',
      { 'fixed-cidr-v6': '10.0.0.0/8' },
      `${merged} invalid fixed-cidr-v6: fixed-cidr-v6 is not an IPv6 subnet`,
    ],
    [
      '26.1.5',
      { 'fixed-cidr-v6': 'fe80::/63' },
      `${merged} invalid fixed-cidr-v6: clash with the Link-Local prefix 'fe80::/64'`,
    ],
    [
      '28.5.2',
      { 'fixed-cidr-v6': 'zz' },
      `${merged} invalid fixed-cidr-v6: invalid fixed-cidr-v6: netip.ParsePrefix("zz"): no '/'`,
    ],
    [
      '28.5.2',
      { 'fixed-cidr-v6': '10.0.0.0/8' },
      `${merged} invalid fixed-cidr-v6: invalid fixed-cidr-v6: '10.0.0.0/8' is not a valid IPv6 subnet`,
    ],
    [
      '28.5.2',
      { 'fixed-cidr-v6': '::ffff:10.1.2.0/120' },
      `${merged} invalid fixed-cidr-v6: invalid fixed-cidr-v6: '::ffff:10.1.2.0/120' is not a valid IPv6 subnet`,
    ],
    [
      '28.5.2',
      { 'fixed-cidr-v6': 'ff00::/64' },
      `${merged} invalid fixed-cidr-v6: invalid fixed-cidr-v6: multicast subnet 'ff00::/64' is not allowed`,
    ],
    [
      '28.5.2',
      { 'fixed-cidr-v6': 'fe80::/10' },
      `${merged} invalid fixed-cidr-v6: invalid fixed-cidr-v6: 'fe80::/10' clashes with the Link-Local prefix 'fe80::/64'`,
    ],
    [
      '29.7.2',
      { 'firewall-backend': 'ufw' },
      `${merged} invalid firewall-backend: allowed values are "iptables" and "nftables"`,
    ],
    [
      '29.7.2',
      { 'bridge-accept-fwmark': 'zz' },
      `${merged} invalid bridge-accept-fwmark: invalid firewall mark "zz": strconv.ParseUint: parsing "zz": invalid syntax`,
    ],
    [
      '29.7.2',
      { 'bridge-accept-fwmark': '0x1/0x100000000' },
      `${merged} invalid bridge-accept-fwmark: invalid firewall mask "0x1/0x100000000": strconv.ParseUint: parsing "0x100000000": value out of range`,
    ],
  ])('%s refuses %j', (engine, config, message) => {
    expect(refusals(engine, config)).toEqual([message]);
  });

  it.each([
    ['17.06.2', { mtu: -5, 'fixed-cidr-v6': '2001:db8::/64', dns: ['1.1.1.1 '], 'userland-proxy-path': 'x' }],
    ['27.5.1', { 'network-diagnostic-port': 70000 }],
    ['26.1.5', { 'fixed-cidr-v6': '2001:db8::/63' }],
    ['28.5.2', { 'fixed-cidr-v6': 'fe80::/64' }],
    ['28.5.2', { 'userland-proxy': false, 'userland-proxy-path': 'x' }],
    ['28.5.2', { 'userland-proxy-path': '' }],
    ['28.5.2', { 'host-gateway-ips': ['1.1.1.1', '::1'], 'dns-search': ['.', 'a-b.c.'] }],
    ['29.7.2', { 'firewall-backend': 'nftables', 'bridge-accept-fwmark': '0x10/255' }],
  ])('%s accepts %j', (engine, config) => {
    expect(refusals(engine, config)).toEqual([]);
  });

  it('without a file the reason stands alone', () => {
    const { errors } = resolveOptions({
      engine: '28.5.2',
      argv: ['dockerd', '--mtu=-5', '--userland-proxy-path='],
    });
    expect(errors.map(({ message, at }) => [message, at])).toEqual([
      ['invalid default MTU: -5', { kind: 'flag', flag: '--mtu', index: 1 }],
      [
        'invalid userland-proxy-path: userland-proxy is enabled, but userland-proxy-path is not set',
        { kind: 'flag', flag: '--userland-proxy-path', index: 2 },
      ],
    ]);
  });
});

describe('combinations', () => {
  const bip = 'You specified -b & --bip, mutually exclusive options. Please specify only one';
  const icc =
    'You specified --iptables=false with --icc=false. ICC=false uses iptables to function. Please set --icc or --iptables to true';
  const icc6 =
    'You specified --ip6tables=false with --icc=false. ICC=false uses ip6tables to function. Please set --icc or --ip6tables to true';
  const experimental = 'ip6tables rules are only available if experimental features are enabled';
  it.each([
    ['17.06.2', { bridge: 'br0', bip: '10.0.0.1/24' }, [`Error starting daemon: ${bip}`]],
    ['28.5.2', { bridge: 'br0', bip: '10.0.0.1/24' }, [`failed to start daemon: ${bip}`]],
    [
      '28.5.2',
      { bridge: 'br0', bip6: 'fd00::1/64' },
      [`failed to start daemon: ${bip.replace('bip', 'bip6')}`],
    ],
    ['17.06.2', { iptables: false, icc: false }, [`Error starting daemon: ${icc}`]],
    ['28.5.2', { iptables: false, icc: false }, [`failed to start daemon: ${icc}`]],
    [
      '27.0.1',
      { ip6tables: false, icc: false, ipv6: true, 'fixed-cidr-v6': 'fd00::/64' },
      [`failed to start daemon: ${icc6}`],
    ],
    ['27.0.1', { ip6tables: false, icc: false }, []],
    ['26.1.5', { icc: false, ipv6: true, 'fixed-cidr-v6': 'fd00::/64' }, []],
    ['26.1.5', { ip6tables: true }, [`failed to start daemon: ${experimental}`]],
    ['26.1.5', { ip6tables: true, experimental: true }, []],
    ['27.0.1', { ip6tables: true }, []],
    ['28.5.2', { iptables: false }, []],
    ['28.5.2', { icc: false }, []],
  ])('%s with %j', (engine, config, messages) => {
    expect(refusals(engine, config)).toEqual(messages);
  });
});

describe('the default network', () => {
  const taken = (address: string, error = 'error'): string =>
    `${network} ${error} creating default "bridge" network: failed to allocate gateway (${address}): Address already in use`;
  it.each([
    // As the captures of these daemons' logs show it.
    [
      '17.06.2',
      { bip: '10.200.0.0/24' },
      taken('10.200.0.0', 'Error').replace('failed to start daemon', 'Error starting daemon'),
    ],
    ['20.10.24', { bip: '10.200.0.0/24' }, taken('10.200.0.0', 'Error')],
    ['26.1.5', { bip: '10.200.0.0/24' }, taken('10.200.0.0')],
    ['28.5.2', { bip: '10.200.0.0/24' }, taken('10.200.0.0')],
    ['28.5.2', { bip: '10.200.0.255/24' }, taken('10.200.0.255')],
    ['26.1.5', { bip: '10.200.0.0/31' }, taken('10.200.0.0')],
    ['28.5.2', { ipv6: true, bip6: 'fd00::/64' }, taken('fd00::')],
    ['24.0.9', { 'fixed-cidr-v6': 'zz' }, `${network} invalid CIDR address: zz`],
    ['28.5.2', { ipv6: true, bip6: 'zz' }, `${network} parse bip6 failed: invalid CIDR address: zz`],
    ['23.0.18', { bip: '10.200.0.0/24' }, taken('10.200.0.0', 'Error')],
    ['24.0.9', { bip: '10.200.0.0/24' }, taken('10.200.0.0')],
    [
      '20.10.24',
      { bip: '10.200.0.1/24', 'default-gateway': '10.201.0.1' },
      `${network} Error creating default "bridge" network: auxiliary address: (DefaultGatewayIPv4:10.201.0.1) must belong to the master pool: 10.200.0.0/24`,
    ],
    [
      '27.0.1',
      { 'default-address-pools': [{ base: '10.0.0.0/16', size: 8 }] },
      `${network} error obtaining controller instance: could not construct local address space: network at index 0 (&{10.0.0.0/16 8}) has a smaller prefix (/16) than the target size of that pool (/8)`,
    ],
    ['28.5.2', { bip: '10.200.0.0/30' }, taken('10.200.0.0')],
    [
      '28.5.2',
      { 'default-address-pools': [{ base: '10.0.0.0/16' }] },
      `${network} error obtaining controller instance: could not construct local address space: network at index 0 (&{10.0.0.0/16 0}) is not in canonical form`,
    ],
    [
      '20.10.24',
      { ipv6: true },
      `${network} IPv6 is enabled for the default bridge, but no subnet is configured. Specify an IPv6 subnet using --fixed-cidr-v6`,
    ],
    ['27.5.1', { bip: 'garbage' }, `${network} invalid CIDR address: garbage`],
    ['28.5.2', { bip: 'garbage' }, `${network} parse bip failed: invalid CIDR address: garbage`],
    [
      '28.5.2',
      { bip: 'x', 'fixed-cidr': 'y' },
      `${network} parse fixed-cidr failed: invalid CIDR address: y`,
    ],
    ['27.5.1', { bip: 'x', 'fixed-cidr': 'y' }, `${network} invalid CIDR address: x`],
    [
      '28.5.2',
      { 'fixed-cidr': '10.0.0.0' },
      `${network} parse fixed-cidr failed: invalid CIDR address: 10.0.0.0`,
    ],
    [
      '28.5.2',
      { bip: '10.200.0.1/24', 'default-gateway': '10.201.0.1' },
      `${network} error creating default "bridge" network: auxiliary address: (DefaultGatewayIPv4:10.201.0.1) must belong to the master pool: 10.200.0.0/24`,
    ],
    [
      '17.06.2',
      { bip: '10.200.0.1/24', 'default-gateway': '10.201.0.1' },
      'Error starting daemon: Error initializing network controller: Error creating default "bridge" network: auxilairy address: (DefaultGatewayIPv4:10.201.0.1) must belong to the master pool: 10.200.0.0/24',
    ],
    [
      '27.5.1',
      { ipv6: true },
      `${network} IPv6 is enabled for the default bridge, but no subnet is configured. Specify an IPv6 subnet using --fixed-cidr-v6`,
    ],
    [
      '19.03.15',
      { ipv6: true },
      `${network} Error creating default "bridge" network: could not find an available, non-overlapping IPv6 address pool among the defaults to assign to the network`,
    ],
    [
      '26.1.5',
      { 'default-address-pools': [{ base: 'bad', size: 24 }] },
      `${network} error obtaining controller instance: invalid base pool "bad": invalid CIDR address: bad`,
    ],
    [
      '26.1.5',
      { 'default-address-pools': [{ base: '10.0.0.0/16', size: 8 }] },
      `${network} error obtaining controller instance: invalid pools size: 8`,
    ],
    [
      '28.5.2',
      {
        'default-address-pools': [
          { base: '10.0.0.0/8', size: 24 },
          { base: '10.0.0.0/16', size: 8 },
        ],
      },
      `${network} error obtaining controller instance: could not construct local address space: network at index 1 (&{10.0.0.0/16 8}) has a smaller prefix (/16) than the target size of that pool (/8)`,
    ],
  ])('%s refuses %j', (engine, config, message) => {
    expect(refusals(engine, config)).toEqual([message]);
  });

  it('says that addresses are the cause', () => {
    const { errors } = resolveOptions({
      engine: '28.5.2',
      file: { path, text: '{\n"bip":"10.200.0.0/24"}' },
    });
    expect(errors).toMatchObject([
      {
        code: 'address-options-invalid',
        cause: 'address-options-invalid',
        at: { line: 2, column: 7 },
        options: ['bip'],
      },
    ]);
  });

  it.each([
    ['28.5.2', { bip: '10.200.0.1/24', 'default-gateway': '10.200.0.254', 'fixed-cidr': '10.200.0.128/25' }],
    ['28.5.2', { bip: '10.200.0.0/31' }],
    ['28.5.2', { ipv6: true }],
    ['28.5.2', { bip6: 'fd00::/64' }],
    ['28.5.2', { ipv6: true, bip6: 'fd00::1/64', 'fixed-cidr-v6': 'fd00::/64' }],
    ['28.5.2', { bridge: 'none', 'fixed-cidr': 'garbage' }],
    ['28.5.2', { 'default-gateway': '10.200.0.254' }],
    ['17.06.2', { bip: '10.200.0.1/24', 'fixed-cidr': '192.168.0.0/24' }],
    ['26.1.5', { 'default-address-pools': [{ base: '10.0.0.0/24', size: 24 }] }],
    ['18.06.3', { ipv6: true, 'default-address-pools': [{ base: 'fd00::/48', size: 64 }] }],
    ['28.5.2', { 'default-address-pools': [{ base: '10.0.0.0/24', size: 24 }] }],
  ])('%s accepts %j', (engine, config) => {
    expect(refusals(engine, config)).toEqual([]);
  });
});

describe('traps', () => {
  const codes = (config: object, ...argv: string[]) =>
    resolveOptions({
      engine: '28.5.2',
      file: { path, text: JSON.stringify(config) },
      argv: ['dockerd', ...argv],
    }).warnings.map(({ code }) => code);
  it.each([
    [{ iptables: false }, ['ip-masq-off-without-iptables']],
    [{ iptables: false, 'ip-masq': true }, ['ip-masq-off-without-iptables']],
    [{ iptables: false, 'ip-masq': false }, []],
    [{ mtu: 1400 }, ['mtu-not-on-user-networks']],
    [{ mtu: 1500 }, []],
    [{ mtu: 1400, 'default-network-opts': { bridge: { 'com.docker.network.driver.mtu': '1400' } } }, []],
    [{ bip: '10.200.0.1/24', 'fixed-cidr': '192.168.0.0/24' }, ['fixed-cidr-outside-bip']],
    [{ bip: '10.200.0.1/24', 'fixed-cidr': '10.200.0.0/16' }, ['fixed-cidr-outside-bip']],
    [{ bip: '10.200.0.1/24', 'fixed-cidr': '10.200.0.0/25' }, []],
    [{ 'live-restore': true }, ['live-restore-keeps-old-settings']],
    [{ 'network-control-plane-mtu': 0 }, ['config-zero-ignored']],
    [{ 'network-diagnostic-port': 0 }, []],
  ])('%j', (config, expected) => {
    expect(codes(config)).toEqual(expected);
  });

  it('names the settings that a live restore keeps', () => {
    const file = { path, text: '{"live-restore":true,"icc":false,"userland-proxy":false}' };
    const { warnings } = resolveOptions({ engine: '28.5.2', file });
    expect(warnings).toMatchObject([{ options: ['live-restore', 'icc'], cause: 'config-not-in-force' }]);
  });
});
