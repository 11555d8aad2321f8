import { describe, expect, it } from 'vitest';
import { bothFamilies, networksOf } from '../../test/support/many-hosts.ts';
import { optionsOf, planOf } from '../../test/support/plan.ts';
import type { Ruleset } from '../firewall/ruleset.ts';
import type { Facts } from '../host/facts.ts';
import type { Namespace } from '../host/state.ts';
import { engineOf, engineOfRules } from './engine-version.ts';

function bundle(files: Readonly<Record<string, string>>): Facts {
  const bytes = Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)] as const);
  return { origin: 'test', files: new Map(bytes) };
}

describe('engineOf', () => {
  const log = [
    'time="2026-11-23T03:39:53Z" level=info msg="Docker daemon" commit=5d6db84 graphdriver(s)=vfs version=20.10.24+dfsg1',
    'time="2026-11-23T04:39:53Z" level=info msg="Docker daemon" commit=411e817 storage-driver=vfs version=26.1.5',
    'time="2026-11-23T04:39:54Z" level=info msg="API listen on /run/docker.sock" version=1',
  ].join('\n');
  const files = {
    'docker-version.json': '{"Server":{"Version":"29.7.2"}}',
    'docker-info.json': '{"ServerVersion":"28.5.2"}',
    'dockerd.log': log,
  };

  it('asks the surest file first', () => {
    expect(engineOf(bundle(files))).toEqual({ version: '29.7.2', by: 'version-file' });
    expect(engineOf(bundle({ ...files, 'docker-version.json': '{}' }))).toEqual({
      version: '28.5.2',
      by: 'info',
    });
  });

  it('takes the last engine that the log names', () => {
    expect(engineOf(bundle({ 'dockerd.log': log }))).toEqual({ version: '26.1.5', by: 'log' });
    expect(engineOf(bundle({ 'dockerd.log': 'time="x" msg="API listen" version=1' }))).toBeUndefined();
  });
});

describe('engineOfRules', () => {
  const host = (firewall: Ruleset, more: Partial<Namespace> = {}): Namespace => ({
    name: 'host',
    kind: 'host',
    sharedBy: [],
    links: [],
    routes: [],
    policyRules: [],
    neighbours: [],
    sysctls: new Map(),
    firewall,
    unmodelledHooks: [],
    ...more,
  });
  const engineFor = (made: Ruleset, config = '{}', more: Partial<Namespace> = {}) =>
    engineOfRules(host(made, more), (engine) => optionsOf(engine, config));
  const stages = planOf(networksOf('20.10.24')).ruleset;

  it('is the newest whose configuration makes the IPv6 rules that are there, or none', () => {
    expect(engineFor(stages)).toEqual({
      version: '26.1.5',
      by: 'recognised',
      generations: ['G2', 'G3', 'G4', 'G5'],
    });
    expect(engineFor(stages, '{"ip6tables":false}')?.version).toBe('27.5.1');
    const both = planOf(networksOf('26.1.5', bothFamilies)).ruleset;
    expect(engineFor(both)).toMatchObject({ version: '27.5.1', generations: ['G4', 'G5'] });
  });

  it('asks nothing of IPv6 where its rules are not in the facts', () => {
    const missing = [{ part: 'firewall', family: 'ipv6', file: 'ip6tables-save.txt' }] as const;
    expect(engineFor(stages, '{}', { missing })?.version).toBe('27.5.1');
  });

  it('is nobody where there are no rules, or none that tell', () => {
    expect(engineFor({ tables: [] })).toBeUndefined();
  });
});
