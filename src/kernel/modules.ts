/**
 * Which kernel module a request would load. In: the aliases under which the kernel asks modprobe(8) for one (`ipt_REJECT`,
 * `rtnl-link-bridge`). Out: the module's name, for those that are there on disk and not in the kernel. A user namespace does not stop the
 * kernel from loading what a rule asks for, so whoever must not cause that asks here first. It loads nothing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';

export interface ModuleIndex {
  /** The module that would be loaded for an alias; undefined: none, it is there already or there is none. */
  missing(alias: string): string | undefined;
}

/** The index of the running kernel; without one on disk (no modules, no rights) nothing can be loaded. */
export function moduleIndex(folder = join('/lib/modules', release()), loaded = '/sys/module'): ModuleIndex {
  const aliases = new Map<string, string>();
  for (const line of linesOf(join(folder, 'modules.alias'))) {
    const [word, alias, module] = line.split(/\s+/);
    // Patterns are for hardware; what netfilter and links are asked for by is a word.
    if (word === 'alias' && alias !== undefined && module !== undefined && !/[*?[]/.test(alias))
      aliases.set(plain(alias), plain(module));
  }
  for (const line of linesOf(join(folder, 'modules.dep'))) {
    const file = line.slice(0, line.indexOf(':'));
    const name = plain(file.slice(file.lastIndexOf('/') + 1).replace(/\.ko(\.\w+)?$/, ''));
    if (name !== '') aliases.set(name, name);
  }
  return {
    missing: (alias) => {
      const module = aliases.get(plain(alias));
      return module === undefined || existsSync(join(loaded, module)) ? undefined : module;
    },
  };
}

/** Both signs mean the same in names of modules (modprobe(8)). */
function plain(name: string): string {
  return name.replaceAll('-', '_');
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
