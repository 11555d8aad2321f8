/**
 * Makes a case small that shows something. In: a case and a test whether it still shows it. Out: a case of which no line can be left out.
 * Halves are tried before single lines. It does not change lines.
 */
import type { HostCase } from './case.ts';

type Part = 'iptables' | 'nft' | 'sysctls' | 'routes' | 'policyRules';
const parts: readonly Part[] = ['nft', 'iptables', 'policyRules', 'routes', 'sysctls'];

/** `shows` is asked about ever smaller cases; the case given must show it. */
export async function shrink(
  hostCase: HostCase,
  shows: (smaller: HostCase) => Promise<boolean>,
): Promise<HostCase> {
  let small = hostCase;
  for (let size = -1; size !== sizeOf(small); ) {
    size = sizeOf(small);
    for (const part of parts)
      small = await shorten(small, part, (lines) => shows({ ...small, [part]: lines }));
  }
  return small;
}

function sizeOf(hostCase: HostCase): number {
  return parts.reduce((sum, part) => sum + hostCase[part].length, 0);
}

async function shorten(
  hostCase: HostCase,
  part: Part,
  shows: (lines: readonly string[]) => Promise<boolean>,
): Promise<HostCase> {
  let lines = hostCase[part];
  for (let width = lines.length; width >= 1; width = Math.floor(width / 2)) {
    for (let at = Math.max(0, lines.length - width); at >= 0; at -= width) {
      const fewer = lines.toSpliced(at, width);
      if (fewer.length < lines.length && (await shows(fewer))) lines = fewer;
      if (at > 0 && at < width) at = width;
    }
  }
  return { ...hostCase, [part]: lines };
}
