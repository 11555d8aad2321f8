/**
 * Judges one repair on the kernel. In: a capture of a fault. Out: whether its flows are broken on the rebuilt host as they were, whether the
 * doctor's printed commands run there, and whether the flows work then. Captures in which nothing that worked broke have no verdict.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBundle } from '../../src/bundle/read.ts';
import { run } from '../../src/kernel/process.ts';
import { isOutcome } from '../../src/packet/seen.ts';
import { type Probe, scenarioOf } from './capture.ts';
import { brokenProbes } from './causes.ts';

export interface RepairVerdict {
  /**
   * `not broken`: on the rebuilt host a flow works that did not. `no command`: what was broken needs the engine, its configuration or
   * another tool. `failed`: the rehearsal itself.
   */
  readonly kind: 'healed' | 'not healed' | 'not broken' | 'no command' | 'failed';
  readonly lines: readonly string[];
}

interface Outcomes {
  readonly flow: { readonly id: number };
  readonly before?: { readonly outcome: string };
  readonly after?: { readonly outcome: string };
}

interface RehearsalJson {
  readonly results: readonly { readonly id: number; readonly kernel?: { readonly outcome: string } }[];
  readonly unbuilt: readonly { readonly what: string; readonly why: string; readonly detail?: string }[];
  readonly repairs: readonly {
    readonly cause: string;
    readonly commands: readonly {
      readonly line: string;
      readonly failed?: string;
      readonly needs?: string;
    }[];
    readonly flows: readonly Outcomes[];
  }[];
}

const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** `healthy`: flows that work in the version's default capture. */
export async function judgeRepair(
  path: string,
  healthy: ReadonlySet<string>,
): Promise<RepairVerdict | undefined> {
  const facts = await readBundle(path, { oracle: true });
  const scenario = scenarioOf(facts);
  const probes = brokenProbes(facts, healthy);
  if (scenario.healthy !== false || scenario.labelled === false || probes.length === 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'bridgekeeper-repair-'));
  try {
    const flows = join(folder, 'flows.json');
    writeFileSync(flows, JSON.stringify(probes));
    const argv = [process.execPath, program, 'rehearse', path, '--flows', flows, '--repair', '--json'];
    const { code, stdout, stderr } = await run({ argv }, { timeout: 240_000 });
    if (stdout === '') return { kind: 'failed', lines: [`exit ${code}: ${stderr.trim()}`] };
    return verdictOf(probes, JSON.parse(stdout) as RehearsalJson);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function verdictOf(probes: readonly Probe[], { results, repairs, unbuilt }: RehearsalJson): RepairVerdict {
  const notes = unbuilt.map(
    ({ what, why, detail }) => `not rebuilt: ${what} (${why}${detail === undefined ? '' : `: ${detail}`})`,
  );
  // What needs the engine's resolver is not asked.
  const asked = probes.flatMap((probe) => {
    const seen = results.find(({ id }) => id === probe.id)?.kernel?.outcome;
    return seen === undefined ? [] : [{ probe, seen }];
  });
  const text = (which: readonly (typeof asked)[number][]) =>
    which.map(({ probe, seen }) => `${flowText(probe)}: was ${probe.outcome.result}, is ${seen}`);
  const working = asked.filter(({ seen }) => seen === 'ok');
  if (working.length > 0) return { kind: 'not broken', lines: [...text(working), ...notes] };
  const otherwise = text(
    asked.filter(({ probe, seen }) => !isOutcome(probe.kind, seen, probe.outcome.result)),
  );
  const commands = repairs.flatMap((repair) => repair.commands);
  const said = [
    repairs.map(({ cause }) => cause).join(', '),
    ...commands.map(({ line, failed }) => (failed === undefined ? `$ ${line}` : `$ ${line}: ${failed}`)),
  ];
  if (commands.length === 0 || commands.some(({ needs }) => needs !== undefined))
    return { kind: 'no command', lines: said };
  const after = new Map(repairs.flatMap(({ flows }) => flows).map((each) => [each.flow.id, each]));
  const broken = probes.flatMap((probe) => {
    const now = after.get(probe.id);
    if (now !== undefined && (now.before === undefined || now.after?.outcome === 'ok')) return [];
    return [
      `${flowText(probe)}: ${probe.outcome.result}, then ${now?.after?.outcome ?? 'not asked: no finding says it is healed'}`,
    ];
  });
  const failed = commands.some((command) => command.failed !== undefined);
  return broken.length > 0 || failed
    ? { kind: 'not healed', lines: [...said, ...broken, ...notes] }
    : { kind: 'healed', lines: otherwise };
}

function flowText({ id, name, frm, kind, dst, port }: Probe): string {
  return `#${id} ${frm} ${kind} ${dst}${port === undefined ? '' : `:${port}`} (${name})`;
}
