import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../options/resolve.ts';
import { configAsJson, configText, refusalText } from './config-text.ts';

function shown(text: string, ...argv: string[]) {
  const resolution = resolveOptions({
    engine: '28.5.2',
    file: { path: 'daemon.json', text },
    argv: ['dockerd', ...argv],
    env: { DOCKER_INSECURE_NO_IPTABLES_RAW: '1' },
  });
  return { resolution, file: 'daemon.json', assumedEngine: false };
}

describe('configText', () => {
  it('aligns what differs from the defaults and puts warnings below', () => {
    const row = (...cells: string[]) => cells.map((cell, at) => cell.padEnd([33, 13][at] ?? 0)).join('');
    expect(configText(shown('{\n"iptables": false}', '--bip=10.0.0.1/24'), 'changed').split('\n')).toEqual([
      'Engine 28.5.2, daemon.json',
      '',
      row('OPTION', 'VALUE', 'ORIGIN'),
      row('bip', '10.0.0.1/24', 'flag --bip (argument 1)'),
      row('iptables', 'false', 'daemon.json line 2'),
      row('ip-masq', 'false', 'because of iptables, daemon.json line 2'),
      row('DOCKER_INSECURE_NO_IPTABLES_RAW', '1', 'environment'),
      '',
      'warning: iptables=false turns ip-masq off: traffic of the default network leaves with its own addresses',
      '  at   daemon.json line 2',
      '  fix  Remove iptables=false, or make the MASQUERADE rule yourself.',
      '',
    ]);
  });

  it('shows all options that the engine has', () => {
    const text = configText(shown('{}'), 'all');
    expect(text).toMatch(/^userland-proxy +true +default$/m);
    expect(text).toMatch(/^bip6 +"" +default$/m);
    expect(text).not.toMatch(/^firewall-backend/m);
  });
});

describe('refusalText', () => {
  it("gives dockerd's reason, the places and the fix", () => {
    expect(refusalText(shown('{\n"icc": false}', '--icc=false'))).toBe(
      [
        'bridgekeeper: dockerd 28.5.2 refuses to start: unable to configure the Docker daemon with file daemon.json: the following directives are specified both as a flag and in the configuration file: icc: (from flag: false, from file: false)',
        '  at   daemon.json line 2, flag --icc (argument 1)',
        '  fix  Keep icc in one place: remove the flag or the key, even where both say the same.',
        '',
      ].join('\n'),
    );
  });

  it('is one line for a mistake in the arguments', () => {
    expect(refusalText(shown('{}', '--nope'))).toBe(
      'bridgekeeper: dockerd 28.5.2 refuses to start: unknown flag: --nope\n',
    );
  });
});

describe('configAsJson', () => {
  it('holds every option of the engine with its origin, and the problems', () => {
    expect(configAsJson(shown('{"nope": 1, "icc": false}'))).toMatchObject({
      schema: 'bridgekeeper.config/1',
      engine: '28.5.2',
      configFile: 'daemon.json',
      starts: false,
      settings: { icc: { value: false, origin: { kind: 'file', line: 1 }, scope: 'default-bridge' } },
      errors: [{ code: 'config-key-unknown' }],
    });
  });
});
