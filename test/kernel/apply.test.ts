import { describe, expect, test } from 'vitest';
import type { ApplyReport } from './apply-program.ts';
import { onStage } from './stage.ts';

const kinds = process.geteuid?.() === 0 ? [false, true] : [true];

describe.each(kinds)('apply (user namespace: %s)', (userNamespace) => {
  test('a change that fails is taken back, and says at what it failed', async () => {
    const report = await onStage<ApplyReport>('apply-program', [], { userNamespace, privateMounts: true });
    expect(report.userNamespace).toBe(userNamespace);
    expect(report.linkFailure.message).toContain('address add 10.0.0.1/24');
    expect(report.linkFailure.links).toEqual(['lo']);

    // What was there before is not ours to remove.
    expect(report.existing.message).toContain('File exists');
    expect(report.existing.links).toEqual(['lo', 'br0']);

    expect(report.sysctlFailure.message).toContain('net.ipv4.no_such_thing');
    expect(report.sysctlFailure.forwarding).toBe('0');

    // The nat table was committed before the filter table failed.
    expect(report.firewallFailure.message).toContain('NO-SUCH-CHAIN');
    expect(report.firewallFailure.rules).toEqual([]);

    expect(report.large).toEqual({ atomic: !userNamespace, rules: 1200, afterUndo: 0 });
  });
});
