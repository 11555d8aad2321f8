import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { moduleIndex } from './modules.ts';

const folder = mkdtempSync(join(tmpdir(), 'bridgekeeper-modules-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('names the module of an alias only where it is on disk and not in the kernel', () => {
  writeFileSync(
    join(folder, 'modules.alias'),
    '# Aliases\nalias ipt_REJECT ipt_REJECT\nalias ipt_tcp xt_tcpudp\nalias pci:v*d* e1000\nalias ipt_mark xt_mark\n',
  );
  writeFileSync(
    join(folder, 'modules.dep'),
    'kernel/net/ipv4/ip-tables.ko.zst: a.ko\nkernel/net/bridge/bridge.ko:\n',
  );
  mkdirSync(join(folder, 'loaded/xt_tcpudp'), { recursive: true });
  const { missing } = moduleIndex(folder, join(folder, 'loaded'));
  expect(['ipt_mark', 'ip_tables', 'bridge', 'ipt_tcp', 'ipt_unheard'].map(missing)).toEqual([
    'xt_mark',
    'ip_tables',
    'bridge',
    undefined,
    undefined,
  ]);
});

test('without an index nothing can be loaded', () => {
  expect(moduleIndex(join(folder, 'none')).missing('bridge')).toBeUndefined();
});
