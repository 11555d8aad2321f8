/**
 * Damage to JSON: one value of it replaced, taken out, repeated, renamed or nested deep. In: a text. Out: a text; what is no JSON
 * stays as it was. The text is written by hand where JSON.stringify would follow the depth with the stack.
 */
import { hostileWords, numbers } from './mutate.ts';
import type { Random } from './random.ts';

export function mutateJson(text: string, random: Random): string {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return text;
  }
  const places = placesOf(root);
  const place = random.pickAny(places);
  if (place === undefined) return replacement(random, root);
  const marker = `\u0001${random.below(2 ** 31)}\u0001`;
  const raw = change(place, random, marker, places);
  return raw === undefined
    ? JSON.stringify(root)
    : JSON.stringify(root).replace(JSON.stringify(marker), () => raw);
}

interface Place {
  readonly holder: Record<string, unknown> | unknown[];
  readonly key: string;
}

/** Every member and item; of a large text some. */
function placesOf(root: unknown): readonly Place[] {
  const places: Place[] = [];
  const open: unknown[] = [root];
  for (let value = open.pop(); value !== undefined && places.length < 20_000; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const holder = value as Place['holder'];
    for (const key of Object.keys(holder)) places.push({ holder, key });
    open.push(...Object.values(holder).filter((inner) => typeof inner === 'object' && inner !== null));
  }
  return places;
}

/** Changes the value in place; text that JSON.stringify cannot write is given back, and the value is the marker until then. */
function change(
  { holder, key }: Place,
  random: Random,
  marker: string,
  all: readonly Place[],
): string | undefined {
  const value = Reflect.get(holder, key);
  const set = (changed: unknown) => Reflect.set(holder, key, changed);
  switch (random.below(9)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else Reflect.deleteProperty(holder, key);
      return undefined;
    case 1:
      set(marker);
      return replacement(random, value);
    case 2: {
      const times = random.chance(0.05) ? 2000 : 3;
      if (Array.isArray(holder)) holder.push(...Array.from({ length: times }, () => value));
      else set(Array.from({ length: 3 }, () => value));
      return undefined;
    }
    case 3: {
      const other = random.pickAny(all);
      set(other === undefined ? null : structuredClone(Reflect.get(other.holder, other.key)));
      return undefined;
    }
    case 4: {
      if (Array.isArray(holder)) set({ [key]: value });
      else
        Object.defineProperty(holder, random.pick(hostileWords), {
          value,
          enumerable: true,
          configurable: true,
        });
      return undefined;
    }
    case 5:
      set([value]);
      return undefined;
    case 6:
      set(typeof value === 'string' ? Number(value) : String(value));
      return undefined;
    default:
      set(marker);
      return random.chance(0.5)
        ? random.pick(numbers).replace(/^0x.*|^00$/, '0')
        : JSON.stringify(random.pick(hostileWords));
  }
}

function replacement(random: Random, value: unknown): string {
  const depth = random.chance(0.1) ? 4000 : 40;
  switch (random.below(8)) {
    case 0:
      return 'null';
    case 1:
      return 'true';
    case 2:
      return '[]';
    case 3:
      return '{}';
    case 4:
      return '""';
    case 5:
      return '['.repeat(depth) + ']'.repeat(depth);
    case 6: {
      const name = random.pick(['set', '&', 'elem', 'concat', 'map', 'stmt', 'Config']);
      return `{"${name}":[`.repeat(depth) + JSON.stringify(value ?? null) + ']}'.repeat(depth);
    }
    default:
      return JSON.stringify(random.pick(hostileWords));
  }
}
