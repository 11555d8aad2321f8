/**
 * The architecture as a check: which folder may import which, and what the core must not touch.
 * In: the path of a module under src/ and its text. Out: one line for each breach. The folders and their order are DESIGN's.
 */
import { posix } from 'node:path';
import { readSource } from './source.ts';

/** Each may import itself and what stands before it. */
export const core = [
  'net',
  'firewall',
  'host',
  'bolt',
  'options',
  'intent',
  'replay',
  'plan',
  'drift',
  'packet',
  'diagnosis',
  'report',
] as const;

export const shell = ['bundle', 'kernel', 'store', 'engine', 'lab', 'rehearsal', 'server', 'cli'] as const;

const order: readonly string[] = [...core, ...shell];
const inCore: ReadonlySet<string> = new Set(core);

/** Packages that compute and nothing else. */
const pure: ReadonlySet<string> = new Set(['zod']);

/** What reads a clock, chance or the world, by how it is used; a property of that name is something else. */
const effects: readonly (readonly [string, RegExp])[] = [
  ['the process', /(?<![.\w$])process\s*[.[]/],
  ['the console', /(?<![.\w$])console\s*[.[]/],
  ['the network', /(?<![.\w$])fetch\s*\(|\bnew\s+(?:WebSocket|XMLHttpRequest|EventSource)\b/],
  [
    'the clock',
    /\bDate\s*\.\s*now\b|\bnew\s+Date\s*(?:\(\s*\)|[;,)\n])|(?<![.\w$]|new\s)Date\s*\(|(?<![.\w$])performance\s*\./,
  ],
  ['chance', /\bMath\s*\.\s*random\b|(?<![.\w$])crypto\s*\./],
  ['a timer', /(?<![.\w$])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\s*\(/],
  ['globals', /(?<![.\w$])globalThis\b/],
  ['Node.js', /(?<![.\w$])(?:Buffer\s*\.|require\s*\(|import\.meta\b)/],
  ['evaluation', /(?<![.\w$])eval\s*\(|\bnew\s+Function\b/],
  ['state', /^(?:export\s+)?(?:let|var)\s/m],
];

/** What is wrong with one module; `path` is relative to src/, with slashes. Tests may do as they like. */
export function breaches(path: string, text: string): string[] {
  const [folder = '', ...rest] = path.split('/');
  if (path.endsWith('.test.ts')) return [];
  // What stands in src/ itself is the package's face: it may show everything.
  const place = rest.length === 0 ? order.length : order.indexOf(folder);
  if (place < 0) return [`${path}: the folder ${folder} has no place in the order`];
  const { imports, code } = readSource(text);
  const found = imports.flatMap(({ from, line }) => {
    const why = importBreach(path, folder, place, from);
    return why === undefined ? [] : [`${path}:${line}: ${why}`];
  });
  if (!inCore.has(folder)) return found;
  return [
    ...found,
    ...effects.flatMap(([what, pattern]) => {
      const hit = pattern.exec(code);
      if (hit === null) return [];
      return [
        `${path}:${code.slice(0, hit.index).split('\n').length}: the core touches ${what}: ${hit[0].trim()}`,
      ];
    }),
  ];
}

function importBreach(path: string, folder: string, place: number, from: string): string | undefined {
  if (!from.startsWith('.')) {
    return inCore.has(folder) && !pure.has(from) ? `the core imports ${from}` : undefined;
  }
  const target = posix.join(posix.dirname(path), from);
  if (target.startsWith('..')) return `imports ${from}, which is outside src`;
  if (target.endsWith('.test.ts')) return `imports the test ${from}`;
  const [other = '', ...rest] = target.split('/');
  if (rest.length === 0) return `imports ${from}, the package's face`;
  const otherPlace = order.indexOf(other);
  if (otherPlace < 0) return `imports ${from}, in a folder that has no place in the order`;
  return otherPlace > place ? `${folder} imports ${other}, which stands behind it` : undefined;
}

/** Packages that a module needs when it runs: `node:` ones left out, of `@scope/name/deep` the name. */
export function packagesOf(text: string): string[] {
  return readSource(text)
    .imports.map(({ from }) => from)
    .filter((from) => !from.startsWith('.') && !from.startsWith('node:'))
    .map((from) =>
      from
        .split('/')
        .slice(0, from.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}
