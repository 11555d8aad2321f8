/**
 * The doctor's repairs, made on a rebuilt host. In: findings, and what the flows came to before. Out: what each command said, and what the
 * broken flows come to now, beside what the doctor's proof promises.
 */
import type { Finding } from '../diagnosis/finding.ts';
import type { Flow } from '../net/flow.ts';
import { isTried, type RehearsedFlow, type RehearsedRepair, type RepairedFlow } from '../report/rehearsal.ts';
import { askOne, type Stand } from './ask.ts';
import { runRepair } from './commands.ts';

/** The findings that matter most: errors, or where there are none what was asked for. */
export function worst(findings: readonly Finding[]): readonly Finding[] {
  const explained = findings.filter(({ flows }) => flows.length > 0);
  const [first] = explained;
  return explained.filter(({ severity }) => severity === first?.severity);
}

/** All repairs are made, then all flows are asked: one finding's flow may need another's repair too. */
export async function tryRepairs(
  stand: Stand,
  findings: readonly Finding[],
  results: readonly RehearsedFlow[],
): Promise<readonly RehearsedRepair[]> {
  const host = stand.state.namespaces.find(({ kind }) => kind === 'host');
  if (host === undefined) return [];
  const before = new Map<string, RehearsedFlow>(results.map((result) => [keyOf(result.flow), result]));
  const made = [];
  for (const finding of findings) {
    const command = finding.repairs.find(({ kind }) => kind !== 'config');
    const commands = command === undefined ? [] : await runRepair(stand.rebuilt, host, command.change);
    made.push({ finding, commands });
  }
  const repairs: RehearsedRepair[] = [];
  for (const { finding, commands } of made) {
    const flows: RepairedFlow[] = [];
    const tried = isTried({ commands });
    for (const { flow, after: promised } of finding.proof.flows) {
      const known = before.get(keyOf(flow))?.kernel;
      const after = tried ? await askOne(stand, flow) : undefined;
      flows.push({
        flow,
        ...(known === undefined ? {} : { before: known }),
        ...(after === undefined ? {} : { after }),
        promised,
        kept: after === undefined || after.outcome === promised,
      });
    }
    repairs.push({ cause: finding.cause, commands, flows });
  }
  return repairs;
}

function keyOf({ from, kind, dst, port, size, qname, direct, up }: Flow): string {
  return JSON.stringify([from, kind, dst?.family, String(dst?.value), port, size, qname, direct, up]);
}
