/**
 * Generations: which rule layout an engine version writes.
 * In: a version as the engine prints it (`17.06.2-ce`, `28.5.2+dfsg4`). Out: its layout, and whether a plan for it is written.
 * The limits are where moby's own rule documents change (git blobs of integration/network/bridge); it plans nothing itself.
 */
import type { PortOrder } from '../intent/port-order.ts';
import { isAtLeast } from '../options/version.ts';
import type { Generation } from './plan.ts';

/** Every iptables layout since DOCKER-USER exists, oldest first. */
export type Layout = 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6' | 'G7' | 'G8' | 'G9' | 'G10';

interface LayoutSpan {
  readonly layout: Layout;
  /** First version of the span; it ends where the next begins. */
  readonly from: string;
}

/** 18.04 came before 18.03.1 and keeps the older layout, hence two spans of G1. */
const layouts: readonly LayoutSpan[] = [
  { layout: 'G1', from: '17.06' },
  { layout: 'G2', from: '18.03.1' },
  { layout: 'G1', from: '18.04' },
  { layout: 'G2', from: '18.05' },
  { layout: 'G3', from: '20.10' },
  { layout: 'G4', from: '23.0' },
  { layout: 'G5', from: '27.0' },
  { layout: 'G6', from: '28.0' },
  { layout: 'G7', from: '28.0.1' },
  { layout: 'G8', from: '28.2' },
  { layout: 'G9', from: '28.2.2' },
  { layout: 'G10', from: '29.0' },
];

/** The layouts that can be planned. */
const planned: ReadonlySet<Layout> = new Set<Generation>(['G1', 'G9']);

/** What the planned layouts cover, for messages. */
const plannedVersions = '17.06.0 to 18.03.0, 18.04, and 28.2.2 to 28.5';

/** The layout of a version; undefined before 17.06 or when the text is no version. */
export function layoutOf(version: string): Layout | undefined {
  return layouts.findLast((span) => isAtLeast(version.trim(), span.from))?.layout;
}

/** The generation whose plan is written for this version; undefined if there is none yet. */
export function generationOf(version: string): Generation | undefined {
  const layout = layoutOf(version);
  return layout !== undefined && isPlanned(layout) ? layout : undefined;
}

/** One line that says why this engine has no plan. */
export function unsupportedEngine(version: string): string {
  const layout = layoutOf(version);
  const name = layout === undefined ? '' : ` (rule layout ${layout})`;
  return `engine ${version}${name} is not supported; supported are ${plannedVersions}`;
}

/** In which order engines of this generation map a container's ports. */
export function portOrderOf(generation: Generation): PortOrder {
  return generation === 'G9' ? 'compare-bindings' : 'sort-port-map';
}

function isPlanned(layout: Layout): layout is Generation {
  return planned.has(layout);
}
