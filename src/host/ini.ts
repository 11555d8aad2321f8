/**
 * Files of sections with keys and values, as systemd and NetworkManager read them. In: lines. Out: entries in order, with their place.
 * Which keys there are, and what they mean, is their readers' subject.
 */

export interface IniEntry {
  /** As written between brackets; empty before the first. */
  readonly section: string;
  readonly key: string;
  readonly value: string;
  /** 1-based. */
  readonly line: number;
}

/** Comments and lines that are no entries are passed over. */
export function parseIni(lines: readonly string[]): readonly IniEntry[] {
  const entries: IniEntry[] = [];
  let section = '';
  for (const [i, raw] of lines.entries()) {
    const text = raw.trim();
    const head = /^\[([^\]]*)\]$/.exec(text)?.[1];
    if (head !== undefined) section = head;
    const [, key, value] = /^([^#;=\s][^=]*?)\s*=\s*(.*)$/.exec(text) ?? [];
    if (key !== undefined && value !== undefined) entries.push({ section, key, value, line: i + 1 });
  }
  return entries;
}

/** Shell patterns (`*`, `?`, `[a-z]`) on a whole name, as fnmatch(3) without flags. */
export function matchesGlob(pattern: string, name: string): boolean {
  const source = pattern.replace(/\[!?[^\]]*\]|[\s\S]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length > 1) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return part.replace(/[.+^${}()|[\]\\]/, '\\$&');
  });
  try {
    return new RegExp(`^${source}$`).test(name);
  } catch {
    return false;
  }
}
