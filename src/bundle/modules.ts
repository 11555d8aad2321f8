/**
 * Which kernel modules are not loaded but could be: a tool that only lists would load them. Where the module of a
 * table is not loaded the table cannot exist, so nothing needs to be asked.
 */
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';

export interface Modules {
  /** /proc/modules as it is; empty where it cannot be read. */
  readonly listing: string;
  /** True when asking for this module's objects would load it. False for one that is loaded, built in, or not installed. */
  wouldLoad(name: string): boolean;
}

export async function readModules(): Promise<Modules> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '');
  const [listing, dependencies] = await Promise.all([
    read('/proc/modules'),
    read(`/lib/modules/${release()}/modules.dep`),
  ]);
  const loaded = new Set(listing.split('\n').map((line) => line.split(' ')[0]));
  const loadable = new Set(
    dependencies.split('\n').map((line) => /([^/]+)\.ko(?:\.\w+)?:/.exec(line)?.[1]?.replaceAll('-', '_')),
  );
  return { listing, wouldLoad: (name) => loadable.has(name) && !loaded.has(name) };
}
