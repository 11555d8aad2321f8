/**
 * Captures: the truth that a real daemon's bundle carries in `oracle/`. In: facts of one capture.
 * Out: its scenario and probes as typed values. Only the judge and tests read these; the program never does.
 */
import { z } from 'zod';
import { readBundle } from '../../src/bundle/read.ts';
import { type Facts, text } from '../../src/host/facts.ts';
import { parseAddr } from '../../src/net/addr.ts';
import type { Flow } from '../../src/net/flow.ts';

const probeSchema = z.object({
  id: z.number(),
  name: z.string(),
  frm: z.string(),
  kind: z.enum(['ping', 'tcp', 'udp', 'dns']),
  dst: z.string(),
  port: z.number().optional(),
  size: z.number().optional(),
  df: z.number().optional(),
  up: z.number().optional(),
  down: z.number().optional(),
  qname: z.string().optional(),
  direct: z.number().optional(),
  decidable: z.boolean().optional(),
  success: z.boolean().optional(),
  outcome: z.object({
    result: z.string(),
    src: z.string().optional(),
    srv: z.string().optional(),
    at: z.string().optional(),
    answer: z.string().nullish(),
  }),
});

export type Probe = z.output<typeof probeSchema>;

const scenarioSchema = z.object({
  name: z.string(),
  version: z.string(),
  kind: z.string().optional(),
  healthy: z.boolean().nullish(),
  labelled: z.boolean().nullish(),
  causes: z.array(z.string()).optional(),
  alsoAcceptable: z.array(z.string()).optional(),
  brokenFlows: z.array(z.string()).optional(),
  setup: z.record(z.string(), z.unknown()).optional(),
});

export type Scenario = z.output<typeof scenarioSchema>;

export function scenarioOf(facts: Facts): Scenario {
  return scenarioSchema.parse(JSON.parse(text(facts, 'oracle/scenario.json') ?? 'null'));
}

/** Probes of the capture; none when the daemon never started. */
export function probesOf(facts: Facts): readonly Probe[] {
  const content = text(facts, 'oracle/probes.json');
  return content === undefined ? [] : z.array(probeSchema).parse(JSON.parse(content));
}

export function flowOf(probe: Probe): Flow {
  return {
    id: probe.id,
    from: probe.frm,
    kind: probe.kind,
    dst: parseAddr(probe.dst),
    ...(probe.port === undefined ? {} : { port: probe.port }),
    ...(probe.size === undefined ? {} : { size: probe.size }),
    ...(probe.df === 1 ? { df: true } : {}),
    ...(probe.up === undefined ? {} : { up: probe.up }),
    ...(probe.down === undefined ? {} : { down: probe.down }),
    ...(probe.qname === undefined ? {} : { qname: probe.qname }),
    ...(probe.direct === 1 ? { direct: true } : {}),
  };
}

/** Tells the same question apart from others across captures of one version. */
export function flowKey(probe: Probe): string {
  return [probe.name, probe.frm, probe.kind, probe.dst, probe.port ?? ''].join(' ');
}

/** Flows that work in the version's default capture: what a repair is expected to bring back. */
export async function healthyFlows(path: string): Promise<ReadonlySet<string>> {
  try {
    const facts = await readBundle(path, { oracle: true });
    return new Set(
      probesOf(facts)
        .filter((p) => p.success === true)
        .map(flowKey),
    );
  } catch {
    return new Set();
  }
}
