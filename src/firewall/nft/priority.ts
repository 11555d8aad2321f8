/**
 * Priorities of base chains by name (nft(8), CHAINS). In: a chain's hook, or a name. Out: the text that nft prints, or the number.
 */
import type { NftFamily, NftHook } from './model.ts';

/** Of the families other than bridge. */
const names: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
};

const bridgeNames: Readonly<Record<string, number>> = { dstnat: -300, filter: -200, out: 100, srcnat: 300 };

/** nft writes a priority as a name and what it is off by, up to this. */
const nearest = 10;

/** The number of a named priority; undefined where the family has none of that name. */
export function namedPriority(name: string, family: string): number | undefined {
  const known = family === 'bridge' ? bridgeNames : names;
  return Object.hasOwn(known, name) ? known[name] : undefined;
}

/** `filter`, `srcnat - 5`, `42`. */
export function priorityText(family: NftFamily, { priority }: NftHook): string {
  const known = Object.entries(family === 'bridge' ? bridgeNames : names);
  const near = known.find(([, value]) => Math.abs(priority - value) <= nearest);
  if (near === undefined || family === 'arp' || family === 'netdev') {
    return priority === 0 ? 'filter' : `${priority}`;
  }
  const [name, value] = near;
  if (priority === value) return name;
  return `${name} ${priority < value ? '-' : '+'} ${Math.abs(priority - value)}`;
}
