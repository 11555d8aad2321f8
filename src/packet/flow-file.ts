/**
 * Flow files: a JSON array of flows to ask, in the shape of a capture's oracle/probes.json. In: its text.
 * Out: Flows in the same order, or what is wrong with which of them. Whether a namespace exists is the walk's subject.
 */
import { z } from 'zod';
import { parseJson } from '../host/json.ts';
import { parseAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';

/** One thing that is wrong: of the file as a whole, or of one flow (0-based index) and its member. */
export interface FlowFileProblem {
  readonly index?: number;
  readonly field?: string;
  readonly message: string;
}

export type FlowFile =
  | { readonly flows: readonly Flow[] }
  | { readonly problems: readonly [FlowFileProblem, ...FlowFileProblem[]] };

/** More flows than anybody asks; it bounds what a hostile file costs. */
const maxFlows = 100_000;

const count = (max: number) =>
  z.int('must be a whole number').min(0, 'must not be negative').max(max, `must be at most ${max}`);
const port = z.int('must be a whole number').min(1, 'must be 1 to 65535').max(65_535, 'must be 1 to 65535');
const yes = z.union([z.literal(0), z.literal(1), z.boolean()], 'must be 1 or 0');
const name = z.string('must be a name').min(1, 'must not be empty');
/** Whether a name can be asked for. It is shown as part of a command, and holds nothing that a shell would take otherwise. */
export function isHostName(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/.test(text);
}

/** The largest payload that an IPv4 echo request holds: 65535 bytes less the headers of IP and ICMP. */
const maxPing = 65_507;

const flowSchema = z.object(
  {
    id: z.union([z.number(), z.string()], 'must be a number or a text').nullish(),
    from: name.nullish(),
    frm: name.nullish(),
    kind: z.enum(['ping', 'tcp', 'udp', 'dns'], 'must be ping, tcp, udp or dns'),
    dst: z.string('must be an IP address').nullish(),
    port: port.nullish(),
    size: count(maxPing).nullish(),
    df: yes.nullish(),
    up: count(Number.MAX_SAFE_INTEGER).nullish(),
    down: count(Number.MAX_SAFE_INTEGER).nullish(),
    qname: name.refine(isHostName, 'must be a host name').nullish(),
    direct: yes.nullish(),
  },
  'must be an object',
);

/** Reads a flow file. All problems are told, in the order of the file. */
export function parseFlowFile(content: string): FlowFile {
  const json = parseJson(content, 'flows');
  const [broken] = json.problems;
  if (broken !== undefined) return { problems: [{ message: broken.message }] };
  if (!Array.isArray(json.value)) return { problems: [{ message: 'the file is not a JSON array' }] };
  if (json.value.length > maxFlows) return { problems: [{ message: `more than ${maxFlows} flows` }] };
  const read = json.value.map(readFlow);
  const flows = read.flatMap((r) => ('flow' in r ? [r.flow] : []));
  const [first, ...others] = read.flatMap((r) => ('flow' in r ? [] : r.problems));
  return first === undefined ? { flows } : { problems: [first, ...others] };
}

/** A problem in one line: `flow 3, port: must be 1 to 65535`. Flows are counted from 0, as in the file's array. */
export function describeFlowProblem({ index, field, message }: FlowFileProblem): string {
  const where = [...(index === undefined ? [] : [`flow ${index}`]), ...(field === undefined ? [] : [field])];
  return where.length === 0 ? message : `${where.join(', ')}: ${message}`;
}

function readFlow(
  value: unknown,
  index: number,
): { readonly flow: Flow } | { readonly problems: readonly FlowFileProblem[] } {
  const checked = flowSchema.safeParse(value);
  if (!checked.success) {
    const problems = checked.error.issues.map(({ path, message }) => {
      const field = path.map(String).join('.');
      return { index, ...(field === '' ? {} : { field }), message };
    });
    return { problems };
  }
  const { id, kind, size, up, down, qname, ...rest } = checked.data;
  const wrong = (field: string, message: string) => ({ problems: [{ index, field, message }] });
  const from = rest.from ?? rest.frm;
  if (from == null) return wrong('from', 'is missing (a container, host or inet)');
  const dst = rest.dst == null ? undefined : parseAddr(rest.dst);
  if (rest.dst != null && dst === undefined)
    return wrong('dst', `not an IP address: ${JSON.stringify(rest.dst)}`);
  if (dst === undefined && kind !== 'dns') return wrong('dst', 'is missing');
  if (rest.port == null && (kind === 'tcp' || kind === 'udp')) return wrong('port', `is missing for ${kind}`);
  if (qname == null && kind === 'dns') return wrong('qname', 'is missing for dns');
  return {
    flow: {
      ...(id == null ? {} : { id }),
      from,
      kind,
      dst,
      ...(rest.port == null ? {} : { port: rest.port }),
      ...(size == null ? {} : { size }),
      ...(isYes(rest.df) ? { df: true } : {}),
      ...(up == null ? {} : { up }),
      ...(down == null ? {} : { down }),
      ...(qname == null ? {} : { qname }),
      ...(isYes(rest.direct) ? { direct: true } : {}),
    },
  };
}

function isYes(value: 0 | 1 | boolean | null | undefined): boolean {
  return value === 1 || value === true;
}
