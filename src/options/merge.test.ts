import { describe, expect, test } from 'vitest';
import { resolveOptions } from './resolve.ts';

describe.each(['17.06.2', '28.5.2'])('an option in flag and file, dockerd %s', (engine) => {
  const merged = (text: string, ...args: string[]) =>
    resolveOptions({ engine, argv: ['dockerd', ...args], file: { path: 'daemon.json', text } });

  test.each([
    ['{"mtu": 1400}', ['--mtu=1300'], 'mtu', 1400, 'file'],
    ['{"icc": false}', ['--icc=true'], 'icc', false, 'file'],
    ['{"bip": "10.0.0.1/24"}', ['--bip=10.0.1.1/24'], 'bip', '10.0.0.1/24', 'file'],
    ['{"bip": ""}', ['--bip=10.0.1.1/24'], 'bip', '10.0.1.1/24', 'flag'],
  ] as const)('%s and %j: %s is %j, by the %s', (text, args, name, value, kind) => {
    const { options, errors } = merged(text, ...args);
    // It refuses to start; what the file says is still the best answer to what was meant (mergo keeps it unless it is zero).
    expect(errors.map((e) => e.code)).toEqual(['option-in-flag-and-file']);
    expect(options.settings[name].value).toBe(value);
    expect(options.settings[name].origin.kind).toBe(kind);
  });
});
