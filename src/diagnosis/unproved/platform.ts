/**
 * What the platform below does to containers' networking: an old libseccomp, WSL2's loopback. In: tools.txt, docker-version.json, links.
 * Out: suspicions.
 */
import { isAtLeast } from '../../options/version.ts';
import { foundLine } from '../evidence.ts';
import type { Detector } from './case.ts';

/** libseccomp knows the 64-bit time calls since 2.4.2; 64-bit machines do not use them. */
export const oldLibseccomp: Detector = (patient) => {
  const line = foundLine(patient, 'tools.txt', 'libseccomp ');
  const version = /libseccomp v?(\d+\.\d+\.\d+)/.exec(line?.text ?? '')?.[1];
  const is32 =
    foundLine(patient, 'docker-version.json', '"Arch"', '"arm"') ??
    foundLine(patient, 'docker-version.json', '"Arch"', '"386"') ??
    foundLine(patient, 'docker-info.json', '"Architecture"', '"armv');
  if (line === undefined || version === undefined || is32 === undefined || isAtLeast(version, '2.4.2'))
    return [];
  const architecture = /"Arch(?:itecture)?"\s*:\s*"([^"]+)"/.exec(is32.text)?.[1] ?? '';
  return [
    {
      cause: 'libseccomp-too-old',
      severity: 'warning',
      params: { version, architecture },
      hop: 'seccomp',
      evidence: [line, { ...is32, text: `"Arch": "${architecture}"` }],
      repairs: [{ kind: 'command', change: 'apt-get install libseccomp2' }],
      decide: 'docker run --rm --security-opt seccomp=unconfined alpine date',
    },
  ];
};

/** libnetwork, wsl2_linux.go: mirrored networking has a link of this name, and 28.0 makes rules for it. */
export const windowsLoopback: Detector = ({ host, expected }) => {
  const link = host?.links.find(({ name }) => name === 'loopback0');
  const publishes = expected?.intent.sandboxes.some(
    (s) => s.running && s.endpoints.some((e) => e.ports.length > 0),
  );
  if (link === undefined || expected === undefined || publishes !== true) return [];
  const { engine } = expected.options;
  if (isAtLeast(engine, '28.0')) return [];
  return [
    {
      cause: 'wsl2-loopback',
      severity: 'warning',
      params: { link: link.name, engine },
      hop: link.name,
      evidence: [{ file: 'ip-link.json', text: `${link.name}: mtu ${link.mtu}` }],
      repairs: [{ kind: 'config', change: 'upgrade the engine to 28.0 or newer' }],
      decide: 'wslinfo --networking-mode',
    },
  ];
};
