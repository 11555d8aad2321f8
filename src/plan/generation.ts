/**
 * Generations: which rule layout an engine version writes.
 * In: a version as the engine prints it (`17.06.2-ce`, `28.5.2+dfsg4`), or options. Out: its generation.
 * The limits are where moby's own rule documents change (git blobs of integration/network/bridge); it plans nothing itself.
 */
import type { PortOrder } from '../intent/port-order.ts';
import type { Options } from '../options/options.ts';
import { isAtLeast, newestEngine } from '../options/version.ts';
import type { Generation } from './plan.ts';

export interface GenerationSpan {
  readonly generation: Generation;
  /** First version of the span; it ends where the next begins. */
  readonly from: string;
}

/** Oldest first; 17.05 has no DOCKER-USER. 18.04 came before 18.03.1 and keeps the older layout, hence two spans of G1. */
export const generationSpans: readonly GenerationSpan[] = [
  { generation: 'G1', from: '17.06' },
  { generation: 'G2', from: '18.03.1' },
  { generation: 'G1', from: '18.04' },
  { generation: 'G2', from: '18.05' },
  { generation: 'G3', from: '20.10' },
  { generation: 'G4', from: '23.0' },
  { generation: 'G5', from: '27.0' },
  { generation: 'G6', from: '28.0' },
  { generation: 'G7', from: '28.0.1' },
  { generation: 'G8', from: '28.2' },
  { generation: 'G9', from: '28.2.2' },
  { generation: 'G10', from: '29.0' },
];

/** The last engine of each generation, oldest generation first. */
const lastEngines: Readonly<Record<Generation, string>> = {
  G1: '18.04.0',
  G2: '19.03.15',
  G3: '20.10.27',
  G4: '26.1.5',
  G5: '27.5.1',
  G6: '28.0.0',
  G7: '28.1.1',
  G8: '28.2.1',
  G9: '28.5.2',
  G10: newestEngine,
  N1: newestEngine,
};

/** All generations with iptables, oldest first. */
export const generations: readonly Generation[] = [
  ...new Set(generationSpans.map(({ generation }) => generation)),
];

/** The first engine of a generation. */
export function firstEngineOf(generation: Generation): string | undefined {
  return generationSpans.find((span) => span.generation === generation)?.from;
}

/** The last engine of a generation: it stands for all of them where only the generation is known. */
export function lastEngineOf(generation: Generation): string {
  return lastEngines[generation];
}

/** The generation of a version with iptables, which is the default of all; undefined before 17.06 or when the text is no version. */
export function generationOf(version: string): Generation | undefined {
  return generationSpans.findLast((span) => isAtLeast(version.trim(), span.from))?.generation;
}

/** The generation that these options choose: since 29 there is a second one. 28 writes iptables rules all the same. */
export function generationFor({ engine, settings }: Options): Generation | undefined {
  const generation = generationOf(engine);
  return generation === 'G10' && settings['firewall-backend'].value === 'nftables' ? 'N1' : generation;
}

/** Whether a generation is `first` or a later one; that of nftables is of the same engines as the last of iptables. */
export function isSince(generation: Generation, first: Generation): boolean {
  const place = (which: Generation) =>
    which === 'N1' ? generationSpans.length : generationSpans.findIndex((span) => span.generation === which);
  return place(generation) >= place(first);
}

/** One line that says why this engine has no plan. */
export function unsupportedEngine(version: string): string {
  return `engine ${version} is not supported; supported are 17.06.0 and later`;
}

/** In which order engines of this generation map a container's ports. */
export function portOrderOf(generation: Generation): PortOrder {
  return isSince(generation, 'G5') ? 'compare-bindings' : 'sort-port-map';
}
