/**
 * What the doctor says of settings that a restart does not bring about: captures of daemons that were restarted while containers ran,
 * with the daemon.json that each of them was restarted with, or another.
 */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readBundle } from '../src/bundle/read.ts';
import { diagnose } from '../src/diagnosis/diagnose.ts';
import type { Diagnosis } from '../src/diagnosis/finding.ts';
import type { Facts } from '../src/host/facts.ts';
import type { HostState } from '../src/host/state.ts';
import { hostStateFromFacts } from '../src/host/state-from-facts.ts';
import { expectedFromFacts } from '../src/plan/expected.ts';
import { diagnosisOf } from './fixtures/patient.ts';

const path = (name: string) => fileURLToPath(new URL(`corpus/${name}.tar.gz`, import.meta.url));

async function capture(
  name: string,
  changed: Readonly<Record<string, string | undefined>> = {},
): Promise<Facts> {
  const facts = await readBundle(path(name));
  const files = new Map(facts.files);
  for (const [file, content] of Object.entries(changed)) {
    if (content === undefined) files.delete(file);
    else files.set(file, new TextEncoder().encode(content));
  }
  return { ...facts, files };
}

function diagnosed(facts: Facts): Diagnosis {
  const { state } = hostStateFromFacts(facts);
  return diagnose({ state, expected: expectedFromFacts(facts, { state }), facts });
}

const kept = '28.5.2/live-restore-flip-ip-masq-true';
const stop =
  'stop all containers before that restart: with live-restore the default network keeps its settings while any runs';

test('the configuration is right and the engine kept the old value: that is the cause, and containers have to stop', async () => {
  const facts = await capture(kept, { 'daemon.json': '{\n "live-restore": true,\n "ip-masq": true\n}' });
  const [finding] = diagnosed(facts).findings;
  expect(finding).toMatchObject({
    cause: 'config-not-in-force',
    severity: 'error',
    params: { setting: 'ip-masq', value: 'true', inForce: 'false', why: 'kept-by-network' },
    because: [
      { setting: 'ip-masq', value: true, origin: { kind: 'file', line: 3 } },
      { setting: 'ip-masq', value: false, origin: { kind: 'network' } },
    ],
  });
  expect(finding?.repairs[0]).toEqual({
    kind: 'config',
    transition: 'restart',
    change: `restart dockerd: the configuration says so already\n${stop}\nthen start again: web, peer`,
  });
  expect(finding?.proof.flows.map(({ after }) => after)).toEqual(['ok', 'ok', 'ok', 'ok']);
});

test('the configuration is wrong: an edit alone will not do under live restore', async () => {
  const facts = await capture(kept, { 'daemon.json': '{\n "live-restore": true,\n "ip-masq": false\n}' });
  const [finding] = diagnosed(facts).findings;
  expect(finding?.cause).toBe('masquerade-disabled');
  expect(finding?.repairs[0]).toEqual({
    kind: 'config',
    transition: 'restart',
    change: `daemon.json line 3: "ip-masq": true, then restart dockerd\n${stop}\nthen start again: web, peer`,
  });
});

test('a setting of all networks is taken up while containers run on', () => {
  const [finding] = diagnosisOf({
    config: '{"live-restore":true,"userland-proxy":false}',
    broken: noHairpin,
  }).findings;
  expect(finding?.cause).toBe('userland-proxy-missing');
  expect(finding?.repairs[0]).toMatchObject({ kind: 'config', transition: 'live-restore' });
  expect(finding?.repairs[0]?.change).not.toContain('stop all containers');
});

test('one from which a setting of the default network follows is not: masquerading stays off with what the network was made with', () => {
  const { findings } = diagnosisOf({ config: '{"live-restore":true,"iptables":false}' });
  const repair = findings[0]?.repairs[0];
  expect(repair).toMatchObject({ kind: 'config', transition: 'restart' });
  expect(repair?.change).toContain(stop);
});

test('a restart without live restore needs nothing more', () => {
  const repair = diagnosisOf({ config: '{"ip-masq":false}' }).findings[0]?.repairs[0];
  expect(repair).toMatchObject({ kind: 'config', transition: 'restart' });
  expect(repair?.change).not.toContain('\n');
});

test('a file that was changed after the start warns, and breaks nothing yet', async () => {
  const facts = await capture('28.5.2/default', { 'daemon.json': '{"ip-masq": false}' });
  const { healthy, findings } = diagnosed(facts);
  expect(healthy).toBe(true);
  expect(findings).toMatchObject([
    { cause: 'config-not-in-force', severity: 'warning', params: { why: 'waits-for-restart' }, repairs: [] },
  ]);
});

test('a host whose engine does not run is known by its store', async () => {
  const files = ['docker-network-inspect.json', 'docker-container-inspect.json'];
  const facts = await capture(
    '28.5.2/ip-masq-false',
    Object.fromEntries(files.map((file) => [file, undefined])),
  );
  expect(expectedFromFacts(facts)).toMatchObject({ intentSource: 'local-kv.db' });
  expect(diagnosed(facts).findings[0]?.cause).toBe('masquerade-disabled');
});

test('a network that only the store has is a warning', async () => {
  const whole = await capture('28.5.2/user-bridges-two');
  const networks: { Name: string }[] = JSON.parse(
    new TextDecoder().decode(whole.files.get('docker-network-inspect.json')),
  );
  const without = networks.filter(({ Name }) => Name === 'bridge' || Name === 'none' || Name === 'host');
  const facts = await capture('28.5.2/user-bridges-two', {
    'docker-network-inspect.json': JSON.stringify(without),
    'docker-container-inspect.json': '[]',
  });
  const found = diagnosed(facts).findings.find(({ cause }) => cause === 'store-and-kernel-differ');
  expect(found).toMatchObject({ severity: 'warning', flows: [], repairs: [] });
  expect(found?.evidence.map(({ text }) => text)).toContainEqual(
    expect.stringMatching(/^network \S+ \([0-9a-f]{12}\): only in the store$/),
  );
});

test('without the userland proxy a container is asked whether it reaches its own published port', () => {
  const causes = (config: string) =>
    diagnosisOf({ config, broken: noHairpin }).findings.map(({ cause }) => cause);
  expect(causes('{"userland-proxy":false}')).toEqual(['userland-proxy-missing']);
  expect(causes('{}')).toEqual([]);
});

/** Bridge ports that send nothing back, as engines leave them whose proxy serves that. */
function noHairpin(state: HostState): HostState {
  const namespaces = state.namespaces.map((ns) => ({
    ...ns,
    links: ns.links.map((link) =>
      link.port === undefined ? link : { ...link, port: { ...link.port, hairpin: false } },
    ),
  }));
  return { ...state, namespaces };
}
