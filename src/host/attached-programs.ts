/**
 * Programs that see packets before netfilter: XDP, and what hangs on a clsact queue. In: lines of ip-link.json and tc.json.
 * Out: links and what is on them. What the programs do nobody can read from a listing.
 */
import { z } from 'zod';
import { elements, parseJson } from './json.ts';

const linkSchema = z.object({ ifname: z.string(), xdp: z.unknown().optional() });
const queueSchema = z.object({ kind: z.string(), dev: z.string().optional() });

export interface AttachedProgram {
  readonly link: string;
  readonly program: 'xdp' | 'clsact';
  readonly evidence: { readonly file: string; readonly text: string };
}

/** None where the listings are not in the facts. */
export function attachedPrograms(
  lines: (file: string) => readonly string[] | undefined,
): readonly AttachedProgram[] {
  const listed = <T>(file: string, schema: z.ZodType<T>): readonly T[] => {
    const content = lines(file)?.join('\n');
    return content === undefined ? [] : elements(parseJson(content, file).value, schema, file).value;
  };
  return [
    ...listed('ip-link.json', linkSchema).flatMap(({ ifname, xdp }) =>
      xdp == null
        ? []
        : [
            {
              link: ifname,
              program: 'xdp',
              evidence: { file: 'ip-link.json', text: `${ifname}: xdp` },
            } as const,
          ],
    ),
    ...listed('tc.json', queueSchema).flatMap(({ kind, dev }) =>
      kind !== 'clsact' || dev === undefined
        ? []
        : [
            {
              link: dev,
              program: 'clsact',
              evidence: { file: 'tc.json', text: `${dev}: qdisc clsact` },
            } as const,
          ],
    ),
  ];
}
