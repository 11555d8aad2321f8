/**
 * Kernel settings, from `sysctl -a` or lines of its form. In: text, `NAME = VALUE` per line.
 * Out: dotted name to value with its line. sysctl(8) writes the dots of an interface's name as slashes
 * (`net.ipv4.conf.eth0/100.rp_filter`); here they are dots again, as they are asked for.
 */
import { type FactProblem, numberedLines, type Parsed } from './facts.ts';
import type { Sysctl } from './state.ts';

export function parseSysctls(content: string, file: string): Parsed<ReadonlyMap<string, Sysctl>> {
  const value = new Map<string, Sysctl>();
  const problems: FactProblem[] = [];
  for (const { line, text } of numberedLines(content)) {
    if (text.startsWith('sysctl:') || text.startsWith('#')) continue;
    const match = /^(\S+)\s*=\s*(.*)$/.exec(text);
    const name = match?.[1];
    if (name === undefined) problems.push({ file, line, message: 'not a line of the form NAME = VALUE' });
    else value.set(name.replaceAll('/', '.'), { value: match?.[2] ?? '', at: { file, line } });
  }
  return { value, problems };
}
