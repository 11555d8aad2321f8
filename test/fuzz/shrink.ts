/**
 * Makes a case small that shows something. In: a case and a test whether it still shows it. Out: a case of which no line can be left out.
 * Halves are tried before single lines. It does not change lines.
 */
import { type HostCase, type ListName, listNames } from './case.ts';

/** `shows` is asked about ever smaller cases; the case given must show it. */
export async function shrink(
  hostCase: HostCase,
  shows: (smaller: HostCase) => Promise<boolean>,
): Promise<HostCase> {
  let small = hostCase;
  for (let size = -1; size !== sizeOf(small); ) {
    size = sizeOf(small);
    for (const part of listNames)
      small = await shorten(small, part, (lines) => shows({ ...small, [part]: lines }));
  }
  return small;
}

function sizeOf(hostCase: HostCase): number {
  return listNames.reduce((sum, part) => sum + hostCase[part].length, 0);
}

async function shorten(
  hostCase: HostCase,
  part: ListName,
  shows: (lines: readonly string[]) => Promise<boolean>,
): Promise<HostCase> {
  let lines = hostCase[part];
  for (let width = lines.length; width >= 1; width = Math.floor(width / 2)) {
    // From the end, so that what is left out does not move what is still to be tried.
    for (let end = lines.length; end > 0; end -= width) {
      const start = Math.max(0, end - width);
      const fewer = lines.toSpliced(start, end - start);
      if (await shows(fewer)) lines = fewer;
    }
  }
  return { ...hostCase, [part]: lines };
}
