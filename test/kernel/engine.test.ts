import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EngineReport } from './engine-program.ts';
import { onStage } from './stage.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bridgekeeper-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bringUp(name: string, config: unknown): Promise<EngineReport> {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(config));
  return onStage<EngineReport>('engine-program', [file]);
}

const upLinks = ['lo', 'eth0', 'docker0', 'vethN'];

describe('the engine on a real kernel', () => {
  test('by default containers reach the outside with the host’s address', async () => {
    const report = await bringUp('default', {});
    expect(report).toMatchObject({ hostPing: true, bridgePing: true, seenAs: '203.0.113.2' });
    expect(report.masquerade).toEqual(['-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE']);
    expect(report.published).toBe('203.0.113.1');
    expect(report.up).toMatchObject({ links: upLinks, forwarding: '1', policy: 'DROP' });
    expect(report.up.rules).toBeGreaterThan(10);
  });

  test('with ip-masq false they reach nobody, and the host still does', async () => {
    const report = await bringUp('masq-off', { 'ip-masq': false });
    expect(report).toMatchObject({ hostPing: true, bridgePing: false, seenAs: '', masquerade: [] });
    // Replies of a published port are un-DNATed by conntrack: no masquerading is needed for them.
    expect(report.published).toBe('203.0.113.1');
  });

  test('bringing up again would change nothing, and taking down leaves nothing', async () => {
    const report = await bringUp('again', { bip: '10.99.0.1/24', mtu: 1400, 'userland-proxy': false });
    expect(report).toMatchObject({ bridgePing: true, again: [] });
    expect(report.masquerade[0]).toContain('docker0');
    expect(report.down).toEqual({ links: ['lo', 'eth0'], rules: 0, forwarding: '0', policy: 'ACCEPT' });
  });
});
