/**
 * A case: a small host in the words of the tools that make it, and flows to ask there. In: JSON text, or a generator. Out: values.
 * Each list can be shortened line by line, which is how a case shrinks. What the flows end in is not written down: the kernel says.
 */
import { z } from 'zod';
import type { Flow } from '../../src/net/flow.ts';
import { parseFlowFile } from '../../src/packet/flow-file.ts';

const lines = z.array(z.string()).readonly();

const caseSchema = z.strictObject({
  /** What was learned from it. */
  note: z.string().optional(),
  bridges: z.array(z.strictObject({ name: z.string(), address: z.string() })).readonly(),
  containers: z
    .array(
      z.strictObject({
        name: z.string(),
        bridge: z.string(),
        address: z.string(),
        gateway: z.string(),
        hairpin: z.boolean(),
      }),
    )
    .readonly(),
  /** `net.ipv4.ip_forward=1`, on the host, in this order. */
  sysctls: lines,
  /** Arguments of `ip route add`. */
  routes: lines,
  /** Arguments of `ip rule add`. */
  policyRules: lines,
  /** `filter -P FORWARD DROP`, `filter -N CHAIN`, `filter -A CHAIN ...`. */
  iptables: lines,
  /** Whole native tables, as nft reads them. */
  nft: lines,
  flows: z
    .array(
      z.strictObject({
        from: z.string(),
        kind: z.enum(['ping', 'tcp', 'udp']),
        dst: z.string(),
        port: z.number().optional(),
        direct: z.boolean().optional(),
      }),
    )
    .readonly(),
});

export type HostCase = z.infer<typeof caseSchema>;
export type CaseFlow = HostCase['flows'][number];

/** Reads a case. Throws when the text is none. */
export function parseCase(text: string): HostCase {
  return caseSchema.parse(JSON.parse(text));
}

/** The flows as the simulator takes them. */
export function flowsOf({ flows }: Pick<HostCase, 'flows'>): readonly Flow[] {
  const file = parseFlowFile(JSON.stringify(flows));
  if ('problems' in file) throw new Error(file.problems[0].message);
  return file.flows;
}

/** `web tcp 198.51.100.7:7777`. */
export function flowText({ from, kind, dst, port, direct }: CaseFlow): string {
  return `${from} ${kind} ${dst}${port === undefined ? '' : `:${port}`}${direct === true ? ' (direct)' : ''}`;
}
