/**
 * Labs that stay: raise one, enter it, end it. In: a name and what to build. Out: lab records (registry.ts); a lab is a stage
 * held by a detached process, so that it outlives the command that raised it. What is in a lab is build.ts's subject.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { missingTool, refusal, run, systemPath } from '../kernel/process.ts';
import { firstProcess, isRunning, processStat, stageCommand, stageKind } from '../kernel/stage.ts';
import type { LabRequest } from './build.ts';
import type { KeeperReport } from './keeper.ts';
import {
  findLab,
  keepWord,
  type LabEntry,
  type LabRecord,
  labsFolder,
  publishLab,
  removeFolder,
} from './registry.ts';

export type LabResult =
  | { readonly kind: 'up'; readonly lab: LabRecord; readonly folder: string }
  | { readonly kind: 'exists' }
  | { readonly kind: 'failed'; readonly cause: 'config' | 'system'; readonly message: string };

/** Raises a lab. Everything is made aside and becomes the lab of this name only when it is complete. */
export async function raiseLab(name: string, request: LabRequest): Promise<LabResult> {
  const labs = labsFolder();
  if (findLab(labs, name)?.kind === 'up') return { kind: 'exists' };
  const kind = await stageKind();
  const made = mkdtempSync(join(labs, '.new-'));
  const log = join(made, 'keeper.log');
  const keeper = startKeeper(stageCommand(kind, keeperArgv(request, made), 'detached'), log);
  try {
    const report = await keeper.report;
    if (!report.ok) return { kind: 'failed', cause: report.kind, message: report.message };
    const stat = processStat(keeper.pid);
    const first = firstProcess(keeper.pid);
    if (stat === undefined || first === undefined || !('places' in report))
      return { kind: 'failed', cause: 'system', message: lastWords(log) };
    const lab: LabRecord = {
      name,
      keeper: { pid: keeper.pid, startTime: stat.startTime },
      first,
      userNamespace: kind.userNamespace,
      places: [...report.places],
    };
    writeFileSync(join(made, 'lab.json'), `${JSON.stringify(lab, null, 1)}\n`);
    if (!publishLab(labs, made, name)) return { kind: 'exists' };
    keeper.keep();
    return { kind: 'up', lab, folder: join(labs, name) };
  } finally {
    await keeper.leave();
    rmSync(made, { recursive: true, force: true });
  }
}

/** What raising a lab would run. */
export async function previewLab(
  request: LabRequest,
): Promise<
  { readonly kind: 'preview'; readonly text: string } | Extract<LabResult, { readonly kind: 'failed' }>
> {
  const argv = stageCommand(await stageKind(), keeperArgv(request), 'bound');
  const finished = await run({ argv });
  const [line] = finished.stdout.split('\n');
  if (line === undefined || line === '') throw refusal({ argv }, finished);
  const report = JSON.parse(line) as KeeperReport;
  if (!report.ok) return { kind: 'failed', cause: report.kind, message: report.message };
  return { kind: 'preview', text: 'preview' in report ? report.preview : '' };
}

function keeperArgv(request: LabRequest, ...folder: readonly string[]): readonly string[] {
  const program = fileURLToPath(new URL(`./keeper${extname(import.meta.url)}`, import.meta.url));
  return [process.execPath, program, JSON.stringify(request), ...folder];
}

function startKeeper(command: readonly string[], log: string) {
  const [tool = '', ...args] = command;
  const stderr = openSync(log, 'w');
  const child = spawn(tool, args, {
    detached: true,
    stdio: ['pipe', 'pipe', stderr],
    cwd: '/',
    env: { ...process.env, PATH: systemPath() },
  });
  closeSync(stderr);
  let kept = false;
  child.stdin?.on('error', () => {});
  const report = new Promise<KeeperReport>((resolve, reject) => {
    let reported = false;
    child.once('error', () => reject(missingTool(tool)));
    const hear = (line: string) => {
      reported = true;
      resolve(JSON.parse(line) as KeeperReport);
    };
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', hear);
    child.once('close', () => {
      if (!reported) resolve({ ok: false, kind: 'system', message: lastWords(log) });
    });
  });
  return {
    pid: child.pid ?? 0,
    report,
    /** Until it hears this it ends with us, however we end. */
    keep: () => {
      kept = true;
      child.stdin?.end(`${keepWord}\n`);
    },
    /** Leaves a kept one to itself; sees any other one end. */
    leave: async () => {
      if (!kept && child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        child.stdin?.end();
        const patience = setTimeout(() => child.kill('SIGKILL'), 5000);
        await new Promise((resolve) => child.once('exit', resolve));
        clearTimeout(patience);
      }
      child.stdout?.destroy();
      child.unref();
    },
  };
}

/** Why a keeper ended early: what it or unshare(1) said last. */
function lastWords(log: string): string {
  const said = readFileSync(log, 'utf8').trim().split('\n');
  const line = said.find((text) => text.includes('Error')) ?? said.at(-1) ?? '';
  return `the lab ended before it was ready${line === '' ? '' : `: ${line}`}`;
}

/** The command line that runs a command at a place of a lab, in the caller's working directory; undefined: no such place. */
export function enterCommand(
  lab: LabRecord,
  place: string,
  command: readonly string[],
  cwd: string,
): readonly string[] | undefined {
  const pid = lab.places.find((entry) => entry.name === place)?.pid;
  if (pid === undefined) return undefined;
  const user = lab.userNamespace ? ['--user', '--preserve-credentials'] : [];
  return [
    ...['nsenter', `--target=${lab.first}`, ...user, '--mount', '--pid', '--net', '--'],
    // Within, since the lab has its own /proc and its own view of the working directory.
    ...['nsenter', `--net=/proc/${pid}/ns/net`, `--wd=${cwd}`, '--', ...command],
  ];
}

/** Ends a lab and removes its folder; what a dead lab left is removed too. Returns when its processes are gone. */
export async function endLab(entry: LabEntry): Promise<void> {
  if (entry.kind === 'up') {
    const { keeper, first } = entry.lab;
    const startTime = processStat(first)?.startTime;
    process.kill(keeper.pid, 'SIGKILL');
    // The kernel ends the stage's first process with its keeper, and every process of the lab with that one.
    const deadline = Date.now() + 5000;
    while (startTime !== undefined && isRunning(first, startTime) && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }
  removeFolder(labsFolder(), entry.folder);
}
