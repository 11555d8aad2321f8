/**
 * Parts of plans and values of options as lines, for commands that print differences. In: values. Out: text.
 */
import type { PlanPart } from '../plan/difference.ts';

/** `nat -A POSTROUTING ...`, `nft add rule ...`, `sysctl net.ipv4.ip_forward = 1`; what belongs to ip6tables says so. */
export function describePart({ kind, table, family, backend, text }: PlanPart): string {
  if (backend === 'nftables') return `nft add ${text}`;
  return `${family === 'ipv6' ? 'ip6tables ' : ''}${table ?? kind} ${text}`;
}

/** A value of an option. */
export function show(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}

/** Two columns, the left one padded. */
export function table(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`);
}

/** Lines below a heading. */
export function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
