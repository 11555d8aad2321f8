/**
 * A case: a small host in the words of the tools that make it, and flows to ask there. In: JSON text, or a generator. Out: values.
 * Each list can be shortened line by line, which is how a case shrinks. What the flows end in is not written down: the kernel says.
 */
import { z } from 'zod';
import type { Flow } from '../../src/net/flow.ts';
import { parseFlowFile } from '../../src/packet/flow-file.ts';

const lines = z.array(z.string()).readonly();
/** Lists that came later than the first cases. */
const moreLines = lines.default([]);

const caseSchema = z.strictObject({
  /** What was learned from it. */
  note: z.string().optional(),
  /** Addresses with their length; `address6` in cases that speak IPv6 too. */
  bridges: z
    .array(z.strictObject({ name: z.string(), address: z.string(), address6: z.string().optional() }))
    .readonly(),
  containers: z
    .array(
      z.strictObject({
        name: z.string(),
        bridge: z.string(),
        address: z.string(),
        gateway: z.string(),
        address6: z.string().optional(),
        gateway6: z.string().optional(),
        hairpin: z.boolean(),
      }),
    )
    .readonly(),
  /** `net.ipv4.ip_forward=1`, on the host, in this order. */
  sysctls: lines,
  /** Arguments of `ip link`, on the host, once all is up. */
  links: moreLines,
  /** Arguments of `ip route add`, of either family. */
  routes: lines,
  /** Arguments of `ip rule add`, and of `ip -6 rule add`. */
  policyRules: lines,
  policyRules6: moreLines,
  /** `filter -P FORWARD DROP`, `filter -N CHAIN`, `filter -A CHAIN ...`: of the nft backend, and of the legacy one. */
  iptables: lines,
  ip6tables: moreLines,
  legacy: moreLines,
  legacy6: moreLines,
  /** Whole native tables, as nft reads them. */
  nft: lines,
  /** In a container: `web sysctl NAME=VALUE`, `web ip route add ...`, `web iptables filter -A ...`, `web nft table ...`. */
  inside: moreLines,
  /** docker-proxy on the host: `tcp 0.0.0.0 8080 172.17.0.2 80`. */
  proxies: moreLines,
  flows: z
    .array(
      z.strictObject({
        from: z.string(),
        kind: z.enum(['ping', 'tcp', 'udp']),
        dst: z.string(),
        port: z.number().optional(),
        size: z.number().optional(),
        df: z.boolean().optional(),
        up: z.number().optional(),
        down: z.number().optional(),
        direct: z.boolean().optional(),
      }),
    )
    .readonly(),
});

export type HostCase = z.infer<typeof caseSchema>;
export type CaseFlow = HostCase['flows'][number];

/** The lists of a case that can be shortened. */
export const listNames = [
  'nft',
  'iptables',
  'ip6tables',
  'legacy',
  'legacy6',
  'inside',
  'policyRules',
  'policyRules6',
  'routes',
  'links',
  'proxies',
  'sysctls',
] as const satisfies readonly (keyof HostCase)[];
export type ListName = (typeof listNames)[number];

/** Reads a case. Throws when the text is none. */
export function parseCase(text: string): HostCase {
  return caseSchema.parse(JSON.parse(text));
}

/** The case as a file holds it: lists that came later and are empty are left out. */
export function caseText(hostCase: HostCase): string {
  const early: readonly string[] = ['sysctls', 'routes', 'policyRules', 'iptables', 'nft'];
  const kept = Object.entries(hostCase).filter(
    ([name, value]) => early.includes(name) || !Array.isArray(value) || value.length > 0,
  );
  return `${JSON.stringify(Object.fromEntries(kept), null, 1)}\n`;
}

/** Whether anything of the case speaks IPv6. */
export function isDual({ bridges }: Pick<HostCase, 'bridges'>): boolean {
  return bridges.some(({ address6 }) => address6 !== undefined);
}

/** The flows as the simulator takes them. */
export function flowsOf({ flows }: Pick<HostCase, 'flows'>): readonly Flow[] {
  const file = parseFlowFile(JSON.stringify(flows));
  if ('problems' in file) throw new Error(file.problems[0].message);
  return file.flows;
}

/** `web tcp 198.51.100.7:7777`. */
export function flowText({ from, kind, dst, port, direct, ...more }: CaseFlow): string {
  const at = port === undefined ? dst : dst.includes(':') ? `[${dst}]:${port}` : `${dst}:${port}`;
  const size = Object.entries(more).map(([name, value]) => ` ${name}=${value}`);
  return `${from} ${kind} ${at}${size.join('')}${direct === true ? ' (direct)' : ''}`;
}
