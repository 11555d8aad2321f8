/**
 * Applies a Change to the kernel. In: the change. Out: how to take it back. Set-up stops at the first error, takes back
 * what was done, and throws. How a change becomes processes is render.ts's subject; another backend (netlink)
 * would replace these two files behind the same `Kernel` interface.
 */
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../firewall/machine.ts';
import { type Change, reverse, type Step } from './change.ts';
import { type Finished, KernelError, refusal, run } from './process.ts';
import { type Batch, render } from './render.ts';
import { committedBefore } from './restore.ts';

/** What a way of changing the kernel can do; processes of iproute2 and iptables are the first. */
export interface Kernel {
  apply(change: Change): Promise<Applied>;
  /** What `apply` would run, as text for people: command lines, and what they read, indented. */
  describe(change: Change): string;
}

export interface Applied {
  /** Takes the change back, as far as it can be. */
  readonly undo: Change;
  /** False when a table's change was too large for one transaction here and went in parts. */
  readonly atomic: boolean;
}

/** Changes the kernel by batches of processes: at most one per kind of object and place. */
export const processKernel: Kernel = { apply, describe };

async function apply(change: Change): Promise<Applied> {
  const done: Step[] = [];
  let atomic = true;
  for (const batch of render(change, renderOptions())) {
    const finished = await run(batch.invocation);
    if (finished.code !== 0) {
      const failed = failure(batch, finished);
      await takeBack([...done, ...failed.done]);
      throw failed.error;
    }
    done.push(...batch.steps);
    atomic &&= new Set(batch.blocks.map((block) => block.table)).size === batch.blocks.length;
  }
  return { undo: reverse({ steps: done }), atomic };
}

function describe(change: Change): string {
  return render(change, { ...renderOptions(), sysctlWriter: ['sysctl-writer'] })
    .map(({ invocation }) => {
      const input = (invocation.stdin ?? '').trimEnd().split('\n');
      return [invocation.argv.join(' '), ...input.map((line) => `    ${line}`)].join('\n');
    })
    .map((text) => `${text}\n`)
    .join('');
}

/** Undoing goes on after errors: what is gone already need not be taken away. */
async function takeBack(done: readonly Step[]): Promise<void> {
  for (const batch of render(reverse({ steps: done }), renderOptions())) {
    const { argv, stdin } = batch.invocation;
    const forced = argv.flatMap((arg) => (arg === '-batch' ? ['-force', arg] : [arg]));
    await run({ argv: forced, ...(stdin === undefined ? {} : { stdin }) }).catch(() => undefined);
  }
}

interface Failed {
  readonly error: KernelError;
  /** The steps of the batch that were done before. */
  readonly done: readonly Step[];
}

/** What failed, in the tool's words with the line that it failed at. */
function failure(batch: Batch, finished: Finished): Failed {
  const input = (batch.invocation.stdin ?? '').split('\n');
  const error = refusal(batch.invocation, finished);
  const at = (pattern: RegExp) => Number(pattern.exec(finished.stderr)?.[1] ?? 0);
  const naming = (line: number, prefix = '') =>
    new KernelError(error.kind, error.tool, `${error.message} (${prefix}${input[line - 1] ?? ''})`);

  const ipLine = at(/^Command failed -:(\d+)$/m);
  if (ipLine > 0)
    return { error: naming(ipLine, 'ip '), done: batch.steps.slice(0, batch.lines[ipLine - 1]) };

  const setting = at(/\(setting (\d+)\)$/m);
  if (setting > 0) {
    const text = `cannot set the sysctl ${finished.stderr.trim().replace(/ \(setting \d+\)$/, '')}`;
    return { error: new KernelError('refused', 'sysctl', text), done: batch.steps.slice(0, setting - 1) };
  }

  const [step] = batch.steps;
  const restoreLine = at(/\bline:? (\d+)/);
  if (step?.kind !== 'firewall' || restoreLine === 0) return { error, done: [] };
  return { error: naming(restoreLine), done: [committed(step, batch, restoreLine)] };
}

/** The firewall step as far as it went: the blocks before the line that failed are in the kernel. */
function committed(step: Step & { readonly kind: 'firewall' }, batch: Batch, line: number): Step {
  let to = step.from;
  for (const { table, commands } of committedBefore(batch.blocks, line)) {
    for (const command of commands) {
      const result = runCommand(to, { backend: step.backend, family: step.family, table }, command);
      if (result.ok) to = result.ruleset;
    }
  }
  return { ...step, to };
}

function renderOptions() {
  return { userNamespace: inUserNamespace(), sysctlWriter: [process.execPath, program('write-sysctls')] };
}

/** A program of this folder, as built (.js) or as source (.ts, whose types Node.js 24 strips). */
function program(name: string): string {
  return fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));
}

/** Whether this process runs in a user namespace other than the first (user_namespaces(7), uid_map). */
export function inUserNamespace(): boolean {
  const map = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/);
  return map.join(' ') !== '0 0 4294967295';
}
