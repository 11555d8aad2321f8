import { describe, expect, it } from 'vitest';
import type { OptionName } from './options.ts';
import { resolveOptions } from './resolve.ts';

const path = 'daemon.json';

function resolve(engine: string, text: string | Uint8Array | undefined, ...args: string[]) {
  const file = text === undefined ? {} : { file: { path, text } };
  const { options, errors, warnings } = resolveOptions({ engine, argv: ['dockerd', ...args], ...file });
  return {
    options,
    value: (name: OptionName) => options.settings[name].value,
    origin: (name: OptionName) => options.settings[name].origin,
    errors: errors.map(({ message }) =>
      message.replace(`unable to configure the Docker daemon with file ${path}: `, ''),
    ),
    codes: errors.map(({ code }) => code),
    warnings: warnings.map(({ code }) => code),
    problems: [...errors, ...warnings],
  };
}

const both = 'the following directives are specified both as a flag and in the configuration file:';
const unknown = "the following directives don't match any configuration option:";

describe.each(['17.06.2', '23.0.18', '28.5.2', '29.7.2'])('the merge of dockerd %s', (engine) => {
  it('takes defaults where nothing is given', () => {
    const { value, origin, errors, warnings } = resolve(engine, undefined);
    expect([value('icc'), value('mtu'), value('ip'), value('bridge')]).toEqual([true, 1500, '0.0.0.0', '']);
    expect(origin('icc')).toEqual({ kind: 'default' });
    expect([errors, warnings]).toEqual([[], []]);
  });

  it('lets a false in the file win over the default true of a flag', () => {
    const { value, origin } = resolve(engine, '{\n  "icc": false\n}');
    expect(value('icc')).toBe(false);
    expect(origin('icc')).toEqual({ kind: 'file', path, line: 2, column: 10 });
  });

  it('takes flags that the file does not give', () => {
    const { value, origin } = resolve(engine, '{"bip":"10.0.0.1/24"}', '--icc=false', '--mtu', '1400');
    expect([value('icc'), value('mtu'), value('bip')]).toEqual([false, 1400, '10.0.0.1/24']);
    expect(origin('mtu')).toEqual({ kind: 'flag', flag: '--mtu', index: 2 });
  });

  it.each([
    ['{"icc":false}', ['--icc=false'], 'icc: (from flag: false, from file: false)'],
    ['{"icc":true}', ['--icc'], 'icc: (from flag: true, from file: true)'],
    ['{"bridge":"br0"}', ['-b', 'br1'], 'bridge: (from flag: br1, from file: br0)'],
    ['{"bip":""}', ['--bip=10.0.0.1/24'], 'bip: (from flag: 10.0.0.1/24, from file: )'],
    ['{"bip":null}', ['--bip=10.0.0.1/24'], 'bip: (from flag: 10.0.0.1/24, from file: <nil>)'],
    ['{"dns-opts":["x","z"]}', ['--dns-opt=y'], 'dns-opts: (from flag: [y], from file: [x z])'],
    ['{"mtu":1000000}', ['--mtu=5'], 'mtu: (from flag: 5, from file: 1e+06)'],
    ['{"x":{"mtu":1400}}', ['--mtu=5'], 'mtu: (from flag: 5, from file: 1400)'],
    ['{"config-file":"x"}', ['--config-file=y'], 'config-file: (from flag: y, from file: x)'],
    [
      '{"mtu":5,"icc":true,"bridge":"b"}',
      ['--mtu=5', '--icc', '-b', 'x'],
      'bridge: (from flag: x, from file: b), icc: (from flag: true, from file: true), mtu: (from flag: 5, from file: 5)',
    ],
  ])('refuses %s with %j', (text, args, shown) => {
    expect(resolve(engine, text, ...args)).toMatchObject({
      errors: [`${both} ${shown}`],
      codes: ['option-in-flag-and-file'],
    });
  });

  it('names both places of a conflict, and its cause', () => {
    const [problem] = resolve(engine, '{\n"ip-masq": false}', '-D', '--ip-masq=false').problems;
    expect(problem).toMatchObject({
      options: ['ip-masq'],
      at: { kind: 'file', line: 2, column: 12 },
      others: [{ kind: 'flag', flag: '--ip-masq', index: 2 }],
      cause: 'option-in-flag-and-file',
    });
  });

  it.each([
    ['{"nope":1}', 'nope'],
    ['{"ICC":false}', 'ICC'],
    ['{"b":"br0"}', 'b'],
    ['{"z":1,"a":2}', 'a, z'],
    ['{"x":{"nope":1}}', 'nope'],
    ['{"bip":{"a":1}}', 'a'],
  ])('refuses the keys of %s', (text, keys) => {
    const { errors, codes, problems } = resolve(engine, text);
    expect(errors[0]).toBe(`${unknown} ${keys}`);
    expect(codes[0]).toBe('config-key-unknown');
    expect(problems[0]).toMatchObject({ cause: 'config-key-unknown', options: keys.split(', ') });
  });

  it('ignores the name of a flag whose key is another, and says so', () => {
    const { value, errors, warnings } = resolve(engine, '{"dns-opt":["x"]}', '--dns-opt=y');
    expect([value('dns-opts'), errors, warnings]).toEqual([['y'], [], ['config-key-ignored']]);
  });

  it('takes booleans in an unknown object and drops the rest', () => {
    const { value, origin, warnings } = resolve(
      engine,
      '{"x":{"icc":false,\n"mtu":1400,"bip":"10.0.0.1/24"}}',
    );
    expect([value('icc'), value('mtu'), value('bip')]).toEqual([false, 1500, '']);
    expect(origin('icc')).toMatchObject({ kind: 'file', line: 1, column: 13 });
    expect(warnings).toEqual(['config-key-nested', 'config-key-nested', 'config-key-nested']);
  });

  it('takes what is no boolean in an unknown object for false, unless it reads as one', () => {
    expect(resolve(engine, '{"x":{"icc":"foo"}}').value('icc')).toBe(false);
    expect(resolve(engine, '{"x":{"ipv6":"true","live-restore":1}}').value('ipv6')).toBe(true);
    expect(resolve(engine, '{"x":{"live-restore":1}}').value('live-restore')).toBe(true);
  });

  it('counts 0 as not set', () => {
    const { value, origin, warnings } = resolve(engine, '{"mtu":0}');
    expect([value('mtu'), origin('mtu'), warnings]).toEqual([
      1500,
      { kind: 'default' },
      ['config-zero-ignored'],
    ]);
    expect(resolve(engine, '{}', '--mtu=0').value('mtu')).toBe(1500);
  });

  it('takes null for false where a boolean is wanted, and for nothing elsewhere', () => {
    const { value, warnings } = resolve(engine, '{"icc":null,"bip":null,"dns":null}');
    expect([value('icc'), value('bip'), value('dns')]).toEqual([false, '', []]);
    expect(warnings).toEqual(['config-null-means-false', 'config-null-ignored', 'config-null-ignored']);
  });

  it.each([
    ['{"icc":"false"}', 'string', 'icc', 'bool'],
    ['{"mtu":"1400"}', 'string', 'mtu', 'int'],
    ['{"mtu":1.5}', 'number 1.5', 'mtu', 'int'],
    ['{"bip":5}', 'number', 'bip', 'string'],
    ['{"icc":{}}', 'object', 'icc', 'bool'],
    ['{"ip":5}', 'number', 'ip', 'net.IP'],
    ['{"dns-opts":"x"}', 'string', 'dns-opts', '[]string'],
    ['{"dns-opts":[true]}', 'bool', 'dns-opts', 'string'],
    ['{"debug":"x"}', 'string', 'debug', 'bool'],
    ['{"mtu":"x","icc":1}', 'string', 'mtu', 'int'],
    ['{"icc":"x","icc":true}', 'string', 'icc', 'bool'],
    ['{"BIP":{}}', 'object', 'bip', 'string'],
  ])('refuses the type in %s', (text, what, key, type) => {
    const { errors, codes } = resolve(engine, text);
    const reason = `json: cannot unmarshal ${what} into Go struct field Config.${key} of type ${type}`;
    expect(errors[0]?.replace(/^invalid JSON: /, '')).toBe(reason);
    expect(codes[0]).toBe('config-type-wrong');
  });

  it('stops at a bad address before it reports a wrong type', () => {
    const { errors, problems } = resolve(engine, '{"icc":1,\n "ip":"bad"}');
    expect(errors[0]).toMatch(/invalid IP address: bad$/);
    expect(problems[0]?.at).toMatchObject({ line: 2, column: 7 });
  });

  it('takes the last of repeated keys', () => {
    const { value, origin, warnings } = resolve(engine, '{"icc":true,"mtu":1400,\n"icc":false}');
    expect([value('icc'), warnings[0]]).toEqual([false, 'config-key-repeated']);
    expect(origin('icc')).toMatchObject({ line: 2 });
    expect(resolve(engine, '{"bip":"10.0.0.1/24","bip":null}').value('bip')).toBe('10.0.0.1/24');
  });

  it('reads an empty address as none', () => {
    const { value, errors } = resolve(engine, '{"ip":"","default-gateway":"","dns":[]}');
    expect([value('ip'), value('default-gateway'), errors]).toEqual(['0.0.0.0', '', []]);
  });

  it('refuses JSON that is none, and goes on with the flags', () => {
    const { codes, value, problems } = resolve(engine, '{\n "icc": true,\n}', '--mtu=1400');
    expect([codes, value('mtu')]).toEqual([['config-json-invalid'], 1400]);
    expect(problems[0]?.at).toMatchObject({ line: 3, column: 1 });
    expect(resolve(engine, '[]').errors[0]).toMatch(
      /json: cannot unmarshal array into Go value of type map\[string\]interface {}$/,
    );
    expect(resolve(engine, 'null').errors).toEqual([]);
  });
});

describe('what changed in the reading of daemon.json', () => {
  it('text after the value: ignored before 23.0, an error since', () => {
    const text = '{"icc":false} x';
    expect(resolve('20.10.24', text)).toMatchObject({ errors: [], warnings: ['config-text-after-end'] });
    expect(resolve('20.10.24', text).value('icc')).toBe(false);
    expect(resolve('23.0.18', text).errors).toEqual(["invalid character 'x' after top-level value"]);
    expect(resolve('29.7.2', text).errors).toEqual([
      "invalid JSON: invalid character 'x' after top-level value",
    ]);
  });

  it('an empty file: an error before 23.0, an empty configuration since', () => {
    expect(resolve('20.10.24', ' \n').errors).toEqual(['EOF']);
    expect(resolve('23.0.18', ' \n').errors).toEqual([]);
  });

  it('a byte order mark: an error before 23.0, the encoding since', () => {
    const utf8 = new Uint8Array([0xef, 0xbb, 0xbf, ...new TextEncoder().encode('{"icc":false}')]);
    const utf16 = new Uint8Array([0xff, 0xfe, ...[...'{"icc":false}'].flatMap((c) => [c.charCodeAt(0), 0])]);
    const utf16be = new Uint8Array([
      0xfe,
      0xff,
      ...[...'{"icc":false}'].flatMap((c) => [0, c.charCodeAt(0)]),
    ]);
    for (const text of [utf8, '\uFEFF{"icc":false}']) {
      expect(resolve('20.10.24', text).errors).toEqual([
        "invalid character 'ï' looking for beginning of value",
      ]);
    }
    for (const text of [utf8, utf16, utf16be, '\uFEFF{"icc":false}']) {
      expect(resolve('23.0.18', text).value('icc')).toBe(false);
    }
    const broken = new Uint8Array([...new TextEncoder().encode('{"bip":"'), 0xff, 0x22, 0x7d]);
    expect(resolve('28.5.2', broken).errors[0]).toMatch(/invalid UTF-8$/);
    expect(resolve('20.10.24', broken).codes).not.toContain('config-json-invalid');
  });

  it.each([
    ['17.06.2', 'default-address-pools'],
    ['17.06.2', 'ip6tables'],
    ['17.06.2', 'default-ulimits'],
    ['23.0.18', 'default-network-opts'],
    ['24.0.9', 'cluster-store'],
    ['27.5.1', 'bip6'],
    ['27.5.1', 'host-gateway-ips'],
    ['24.0.9', 'graph'],
    ['28.1.1', 'allow-direct-routing'],
    ['28.5.2', 'firewall-backend'],
  ])('%s does not know %s', (engine, key) => {
    expect(resolve(engine, `{"${key}":null}`).errors[0]).toBe(`${unknown} ${key}`);
  });

  it('ip6tables is on by default since 27.0', () => {
    expect(
      ['17.06.2', '26.1.5', '27.0.1'].map((engine) => resolve(engine, undefined).value('ip6tables')),
    ).toEqual([false, false, true]);
  });

  it('nested proxies are meant to be nested', () => {
    expect(resolve('28.5.2', '{"proxies":{"http-proxy":"http://x"}}')).toMatchObject({
      errors: [],
      warnings: [],
    });
    expect(resolve('28.5.2', '{"http-proxy":"http://x"}').warnings).toEqual(['config-key-ignored']);
  });

  it('masks passwords of proxies in conflicts', () => {
    const { errors } = resolve(
      '28.5.2',
      '{"proxies":{"http-proxy":"http://u:p@h"}}',
      '--http-proxy=http://a:b@c',
    );
    expect(errors).toEqual([
      `${both} http-proxy: (from flag: http://xxxxx:xxxxx@c, from file: http://xxxxx:xxxxx@h)`,
    ]);
  });

  it('masks passwords of https proxies too, and nothing else', () => {
    const { errors } = resolve(
      '28.5.2',
      '{"proxies":{"https-proxy":"h"},"bip":"http://u:p@h"}',
      '--https-proxy=http://a:b@c',
      '--bip=x',
    );
    expect(errors[0]).toBe(
      `${both} bip: (from flag: x, from file: http://u:p@h), https-proxy: (from flag: http://xxxxx:xxxxx@c, from file: h)`,
    );
  });

  it('runtimes may stand in both places', () => {
    expect(resolve('28.5.2', '{"runtimes":{"a":{"path":"x"}}}', '--add-runtime=b=c').errors).toEqual([]);
  });

  it('host-gateway-ip is an address until 27 and the old name of a list since 28.0', () => {
    for (const engine of ['20.10.24', '28.5.2']) {
      expect(resolve(engine, '{"host-gateway-ip":"1.2.3.4"}').value('host-gateway-ips')).toEqual(['1.2.3.4']);
      expect(resolve(engine, undefined, '--host-gateway-ip=1.2.3.4').value('host-gateway-ips')).toEqual([
        '1.2.3.4',
      ]);
    }
    expect(resolve('28.5.2', '{"host-gateway-ip":"1.2.3.4","host-gateway-ips":["::1"]}').errors).toEqual([
      'host-gateway-ip and host-gateway-ips must not both be specified in the config file',
    ]);
    expect(resolve('28.5.2', '{"host-gateway-ip":"1.2.3.4"}', '--host-gateway-ip=::1').errors).toEqual([
      `${both} host-gateway-ip: (from flag: [::1], from file: 1.2.3.4)`,
    ]);
    expect(resolve('27.5.1', '{"host-gateway-ip":"1.2.3.4"}', '--host-gateway-ip=::1').errors).toEqual([
      `${both} host-gateway-ip: (from flag: ::1, from file: 1.2.3.4)`,
    ]);
  });

  it('graph is the old name of data-root until 20.10', () => {
    expect(resolve('17.06.2', '{"graph":"/x"}').value('data-root')).toBe('/x');
    expect(resolve('17.06.2', undefined, '-g', '/x').value('data-root')).toBe('/x');
    expect(resolve('17.06.2', '{"graph":"/x","data-root":"/y"}').errors).toEqual([
      'cannot specify both "graph" and "data-root" config file options',
    ]);
    expect(resolve('17.06.2', undefined, '-g', '/x', '--data-root=/y').errors).toEqual([
      'cannot specify both "--graph" and "--data-root" option',
    ]);
    expect(resolve('23.0.18', '{"graph":"/x"}').errors).toEqual([
      'the "graph" config file option is deprecated; use "data-root" instead',
    ]);
  });

  it('objects of options are values, not things to take apart', () => {
    const text = '{"default-network-opts":{"bridge":{"a":"b"}},"features":{"x":true}}';
    const { value, errors } = resolve('28.5.2', text);
    expect([value('default-network-opts'), value('features'), errors]).toEqual([
      { bridge: { a: 'b' } },
      { x: true },
      [],
    ]);
    expect(resolve('28.5.2', '{"features":{"a":true},"features":{"b":false}}').value('features')).toEqual({
      a: true,
      b: false,
    });
  });

  it('pools are read', () => {
    const text = '{"default-address-pools":[{"BASE":"10.0.0.0/8","size":24,"x":1}]}';
    expect(resolve('28.5.2', text).value('default-address-pools')).toEqual([
      { base: '10.0.0.0/8', size: 24 },
    ]);
    const bad = '{"default-address-pools":[{"base":"10.0.0.0","size":24}]}';
    expect(resolve('28.5.2', bad).errors[0]).toBe(`netip.ParsePrefix("10.0.0.0"): no '/'`);
  });
});

describe('the environment', () => {
  it('is cut to what the engine looks at', () => {
    const env = { DOCKER_FIREWALL_BACKEND: 'nftables', DOCKER_INSECURE_NO_IPTABLES_RAW: '1', HOME: '/root' };
    const { options } = resolveOptions({ engine: '28.5.2', env });
    expect(options.env).toEqual({
      DOCKER_FIREWALL_BACKEND: 'nftables',
      DOCKER_INSECURE_NO_IPTABLES_RAW: '1',
    });
    expect(options.settings['firewall-backend']).toEqual({
      value: 'nftables',
      origin: { kind: 'env', name: 'DOCKER_FIREWALL_BACKEND' },
    });
    const later = resolveOptions({ engine: '29.7.2', env }).options;
    expect([later.env, later.settings['firewall-backend'].value]).toEqual([
      { DOCKER_INSECURE_NO_IPTABLES_RAW: '1' },
      '',
    ]);
    expect(resolveOptions({ engine: '17.06.2', env }).options.env).toEqual({});
  });
});
