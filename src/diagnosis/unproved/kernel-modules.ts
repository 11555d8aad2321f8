/**
 * Kernel modules: whether the running kernel can still load any. In: tools.txt, whose last line is the kernel's release, and which may
 * list what is in /lib/modules; modules.txt. Out: yes or no, and a suspicion for a host that was not restarted after an upgrade.
 */
import { foundLine } from '../evidence.ts';
import type { Case, Detector } from './case.ts';

/** The running kernel's release. */
export function kernelOf({ lines }: Pick<Case, 'lines'>): string | undefined {
  return (lines('tools.txt') ?? []).map((line) => line.trim()).findLast((line) => /^\d+\.\d+\S*$/.test(line));
}

/** False also where the facts do not say. A kernel without any module needs none. */
export function modulesAreGone(patient: Pick<Case, 'lines'>): boolean {
  const kernel = kernelOf(patient);
  const listed = (patient.lines('tools.txt') ?? []).find((line) => line.startsWith(modulesLine));
  const installed = (listed ?? '').slice(modulesLine.length).trim().split(/\s+/).filter(Boolean);
  const loaded = (patient.lines('modules.txt') ?? []).some((line) => line.trim() !== '');
  return kernel !== undefined && loaded && installed.length > 0 && !installed.includes(kernel);
}

/** As `capture` writes it. */
const modulesLine = '/lib/modules:';

/** What is loaded goes on working: until something is needed that is not. */
export const upgradedKernel: Detector = (patient) => {
  if (patient.expected === undefined || !modulesAreGone(patient)) return [];
  const listed = foundLine(patient, 'tools.txt', modulesLine);
  return [
    {
      cause: 'kernel-modules-gone',
      severity: 'warning',
      params: { kernel: kernelOf(patient) ?? '', reason: '' },
      hop: 'kernel',
      evidence: listed === undefined ? [] : [listed],
      repairs: [{ kind: 'command', change: 'reboot' }],
      decide: 'ls -d "/lib/modules/$(uname -r)"',
    },
  ];
};
