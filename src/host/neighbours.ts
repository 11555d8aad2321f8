/**
 * Neighbours and forwarding entries of bridges, from `ip -j neigh` and `bridge -j fdb`.
 * In: the parsed JSON. Out: Neighbour[] and FdbEntry[] in the order listed.
 */
import { z } from 'zod';
import { parseAddr } from '../net/addr.ts';
import type { FactProblem, Parsed } from './facts.ts';
import { elements } from './json.ts';
import type { FdbEntry, Neighbour } from './state.ts';

const neighbourSchema = z.object({
  dst: z.string(),
  dev: z.string(),
  lladdr: z.string().optional(),
  state: z.array(z.string()).optional(),
});

const fdbSchema = z.object({
  mac: z.string(),
  ifname: z.string(),
  master: z.string().optional(),
  state: z.string().optional(),
});

export function parseNeighbours(value: unknown, file: string): Parsed<readonly Neighbour[]> {
  const listed = elements(value, neighbourSchema, file);
  const neighbours: Neighbour[] = [];
  const problems: FactProblem[] = [...listed.problems];
  for (const json of listed.value) {
    const addr = parseAddr(json.dst);
    if (addr === undefined) {
      problems.push({ file, message: `not an address: ${json.dst}` });
      continue;
    }
    neighbours.push({
      addr,
      dev: json.dev,
      ...(json.lladdr === undefined ? {} : { mac: json.lladdr }),
      state: json.state ?? [],
      at: { file },
    });
  }
  return { value: neighbours, problems };
}

/** Entries without a master are a device's own filter, not a bridge's knowledge. */
export function parseFdb(value: unknown, file: string): Parsed<readonly FdbEntry[]> {
  const listed = elements(value, fdbSchema, file);
  return {
    value: listed.value.map((json) => ({
      mac: json.mac,
      dev: json.ifname,
      ...(json.master === undefined ? {} : { master: json.master }),
      permanent: json.state === 'permanent',
    })),
    problems: listed.problems,
  };
}
