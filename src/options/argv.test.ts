import { describe, expect, it } from 'vitest';
import { parseArguments } from './argv.ts';
import { vocabularyOf } from './flags.ts';

function parse(engine: string, ...args: string[]) {
  const { given, errors } = parseArguments(['dockerd', ...args], vocabularyOf(engine));
  return {
    values: Object.fromEntries([...given].map(([name, { value }]) => [name, value])),
    origins: Object.fromEntries([...given].map(([name, { origin }]) => [name, origin])),
    errors: errors.map(({ message }) => message),
    codes: errors.map(({ code }) => code),
  };
}

describe('parseArguments', () => {
  it.each([
    [['--icc=false'], { icc: false }],
    [['--icc'], { icc: true }],
    [['--icc=F', '--icc=T'], { icc: true }],
    [['--bip', '10.0.0.1/24'], { bip: '10.0.0.1/24' }],
    [['--bip=10.0.0.1/24=x'], { bip: '10.0.0.1/24=x' }],
    [['--bip='], { bip: '' }],
    [['--bip', '--icc'], { bip: '--icc' }],
    [['-b', 'br0'], { bridge: 'br0' }],
    [['-bbr0', '--icc=false'], { bridge: 'br0', icc: false }],
    [['--log-opt=a', '--log-opt=b=c=d'], { 'log-opt': { a: '', b: 'c=d' } }],
    [['-b=br0'], { bridge: 'br0' }],
    [['-Db', 'br0'], { debug: true, bridge: 'br0' }],
    [['-Dbbr0'], { debug: true, bridge: 'br0' }],
    [['-D=false', '-b='], { debug: false, bridge: '=' }],
    [['--dns-opt=a', '--dns-opt', 'b'], { 'dns-opt': ['a', 'b'] }],
    [['--dns=1.1.1.1,2.2.2.2', '--dns=3.3.3.3'], { dns: ['1.1.1.1', '2.2.2.2', '3.3.3.3'] }],
    [['--ip=::ffff:1.2.3.4'], { ip: '1.2.3.4' }],
    [['--mtu=0x578'], { mtu: 1400 }],
    [['--mtu=02570'], { mtu: 1400 }],
    [['--mtu=1_400'], { mtu: 1400 }],
    [['--mtu=-5'], { mtu: -5 }],
    [
      ['--default-address-pool=base=10.0.0.0/8,size=24', '--default-address-pool', 'size=64,BASE=fd00::/8'],
      {
        'default-address-pool': [
          { base: '10.0.0.0/8', size: 24 },
          { base: 'fd00::/8', size: 64 },
        ],
      },
    ],
    [
      [
        '--default-network-opt=bridge=a=b=c',
        '--default-network-opt=bridge=d=e',
        '--default-network-opt=x=y=z',
      ],
      { 'default-network-opt': { bridge: { a: 'b=c', d: 'e' }, x: { y: 'z' } } },
    ],
    [['--feature=a', '--feature=b=false'], { feature: { a: true, b: false } }],
    [['--dns-search=a.b. ', '--dns-search=.'], { 'dns-search': ['a.b', '.'] }],
    [
      ['-H', 'unix:///x', '--storage-driver=vfs', '-p', '--icc'],
      { host: ['unix:///x'], 'storage-driver': 'vfs', pidfile: '--icc' },
    ],
    [['--icc=false', '--'], { icc: false }],
  ])('reads %j', (args, values) => {
    expect(parse('28.5.2', ...args)).toMatchObject({ values, errors: [] });
  });

  it('knows the place of a flag, of its last use when it is repeated', () => {
    const { origins } = parse('28.5.2', '-D', '--bip', '10.0.0.1/24', '-Db', 'br0', '--icc', '--icc=false');
    expect(origins).toMatchObject({
      bip: { kind: 'flag', flag: '--bip', index: 2 },
      bridge: { kind: 'flag', flag: '-b', index: 4 },
      icc: { kind: 'flag', flag: '--icc', index: 7 },
    });
  });

  // What dockerd 26.1.5 or 28.5.2 printed for each.
  it.each([
    ['flag-unknown', ['--nope=1'], 'unknown flag: --nope'],
    ['flag-unknown', ['-DZ'], "unknown shorthand flag: 'Z' in -Z"],
    ['flag-value-missing', ['--mtu'], 'flag needs an argument: --mtu'],
    ['flag-value-missing', ['-Db'], "flag needs an argument: 'b' in -b"],
    ['flag-syntax', ['---x'], 'bad flag syntax: ---x'],
    ['flag-syntax', ['--=x'], 'bad flag syntax: --=x'],
    [
      'flag-value-invalid',
      ['--mtu=x'],
      'invalid argument "x" for "--mtu" flag: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    [
      'flag-value-invalid',
      ['--mtu=08'],
      'invalid argument "08" for "--mtu" flag: strconv.ParseInt: parsing "08": invalid syntax',
    ],
    [
      'flag-value-invalid',
      ['--mtu=99999999999999999999'],
      'invalid argument "99999999999999999999" for "--mtu" flag: strconv.ParseInt: parsing "99999999999999999999": value out of range',
    ],
    [
      'flag-value-invalid',
      ['--icc=maybe'],
      'invalid argument "maybe" for "--icc" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [
      'flag-value-invalid',
      ['-D=maybe'],
      'invalid argument "maybe" for "-D, --debug" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    ['flag-value-invalid', ['--ip=zz'], 'invalid argument "zz" for "--ip" flag: failed to parse IP: "zz"'],
    [
      'flag-value-invalid',
      ['--dns=zz'],
      'invalid argument "zz" for "--dns" flag: invalid string being converted to IP address: zz',
    ],
    [
      'flag-value-invalid',
      ['--dns-search=a..b'],
      'invalid argument "a..b" for "--dns-search" flag: a..b is not a valid domain',
    ],
    [
      'flag-value-invalid',
      ['--dns-search=1.2'],
      'invalid argument "1.2" for "--dns-search" flag: 1.2 is not a valid domain',
    ],
    [
      'flag-value-invalid',
      ['--default-address-pool=x'],
      `invalid argument "x" for "--default-address-pool" flag: invalid field 'x' must be a key=value pair`,
    ],
    [
      'flag-value-invalid',
      ['--default-address-pool=foo=1'],
      `invalid argument "foo=1" for "--default-address-pool" flag: unexpected key 'foo' in 'foo=1'`,
    ],
    [
      'flag-value-invalid',
      ['--default-network-opt=a=b'],
      'invalid argument "a=b" for "--default-network-opt" flag: invalid value "a=b" for map option, should be root-key=key=value',
    ],
    ['argument-unexpected', ['--', 'foo'], '"dockerd" accepts no argument(s).'],
    ['argument-unexpected', ['foo'], '"dockerd" accepts no argument(s).'],
    ['argument-unexpected', ['--', '--icc'], '"dockerd" accepts no argument(s).'],
    ['argument-unexpected', ['-'], '"dockerd" accepts no argument(s).'],
    ['flag-unknown', ['foo', '--nope'], 'unknown flag: --nope'],
  ])('refuses with %s: %j', (code, args, message) => {
    expect(parse('28.5.2', ...args)).toMatchObject({ codes: [code], errors: [message] });
  });

  it('keeps what came before an error, and what surrounds a stray word', () => {
    expect(parse('28.5.2', '--icc=false', '--nope', '--bip=x').values).toEqual({ icc: false });
    expect(parse('28.5.2', '--icc=false', 'foo', '--bip=x').values).toEqual({ icc: false, bip: 'x' });
  });

  it.each([
    ['17.06.2', ['--ip6tables'], 'unknown flag: --ip6tables'],
    [
      '27.0.1',
      ['--default-address-pool=base=zz'],
      `invalid argument "base=zz" for "--default-address-pool" flag: invalid base prefix "zz": netip.ParsePrefix("zz"): no '/'`,
    ],
    [
      '28.5.2',
      ['--default-address-pool=base=zz/8'],
      `invalid argument "base=zz/8" for "--default-address-pool" flag: invalid base prefix "zz/8": netip.ParsePrefix("zz/8"): ParseAddr("zz"): unable to parse IP`,
    ],
    [
      '28.5.2',
      ['--feature=a=x'],
      'invalid argument "a=x" for "--feature" flag: strconv.ParseBool: parsing "x": invalid syntax',
    ],
    ['23.0.18', ['--ip=zz'], 'invalid argument "zz" for "--ip" flag: failed to parse IP: "zz"'],
    [
      '20.10.24',
      ['--default-address-pool=size=z'],
      'invalid argument "size=z" for "--default-address-pool" flag: invalid size value: "z" (must be integer): strconv.Atoi: parsing "z": invalid syntax',
    ],
    [
      '23.0.18',
      ['--default-address-pool=size=z'],
      'invalid argument "size=z" for "--default-address-pool" flag: invalid size value: "size=z" (must be integer): strconv.Atoi: parsing "z": invalid syntax',
    ],
    ['17.06.2', ['--ip=zz'], 'invalid argument "zz" for "--ip" flag: zz is not an ip address'],
    ['17.06.2', ['--dns=zz'], 'invalid argument "zz" for "--dns" flag: zz is not an ip address'],
    ['23.0.18', ['--default-network-opt=a=b=c'], 'unknown flag: --default-network-opt'],
    ['24.0.9', ['--cluster-store=x'], 'unknown flag: --cluster-store'],
    ['24.0.9', ['-g', '/x'], "unknown shorthand flag: 'g' in -g"],
    ['27.2.1', ['--feature=x'], 'unknown flag: --feature'],
    ['27.5.1', ['--bip6=x'], 'unknown flag: --bip6'],
    ['28.1.1', ['--allow-direct-routing'], 'unknown flag: --allow-direct-routing'],
    ['28.5.2', ['--firewall-backend=nftables'], 'unknown flag: --firewall-backend'],
  ])('on %s refuses %j', (engine, args, message) => {
    expect(parse(engine, ...args).errors).toEqual([message]);
  });

  it.each([
    [
      '17.06.2',
      ['--graph', '/x', '--cluster-store=x', '--disable-legacy-registry', '--oom-score-adjust', '5'],
    ],
    ['20.10.24', ['--ip6tables', '--experimental', '--default-address-pool=base=zz', '--rootless']],
    ['27.3.0', ['--feature=x']],
    [
      '29.7.2',
      [
        '--firewall-backend=nftables',
        '--bridge-accept-fwmark=1',
        '--nri-opts',
        'x',
        '--default-stop-timeout',
        '5',
      ],
    ],
  ])('on %s accepts %j', (engine, args) => {
    expect(parse(engine, ...args).errors).toEqual([]);
  });
});
