/**
 * A stage: a private world of namespaces (network, mount, process ids; also user, for an ordinary user) that ends with
 * its first process. In: a program to be that process. Out: the command line that starts it there. Everything made
 * on a stage is gone when the stage is: links, rules and processes have no other place to be.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { KernelError, run } from './process.ts';

export interface StageKind {
  /** An ordinary user is root in a user namespace of their own. */
  readonly userNamespace: boolean;
  /**
   * What is mounted on the stage stays there. False in a chroot, whose root is no mount point: unshare(1) cannot take
   * its mounts out of the host's peer groups, so nothing may be mounted there but what it makes private itself (/proc).
   */
  readonly privateMounts: boolean;
}

/**
 * Finds out by trying what this user may do: namespaces directly, or within a user namespace. Throws KernelError,
 * with the kernel's reason, when neither works (in a container without rights; where user namespaces are switched off).
 */
export async function stageKind(): Promise<StageKind> {
  const asRoot: readonly StageKind[] = [
    { userNamespace: false, privateMounts: true },
    { userNamespace: false, privateMounts: false },
  ];
  return firstThatWorks(process.geteuid?.() === 0 ? [...asRoot, asUser] : [asUser], 'run as root, or ');
}

const asUser: StageKind = { userNamespace: true, privateMounts: true };

/** A stage in a user namespace, also for root: nothing on it has a right on the machine's own namespaces. Throws as `stageKind` does. */
export function userStageKind(): Promise<StageKind> {
  return firstThatWorks([asUser], '');
}

async function firstThatWorks(kinds: readonly StageKind[], otherwise: string): Promise<StageKind> {
  let reason = '';
  for (const kind of kinds) {
    const tried = await run({ argv: unshare(kind, ['true']) });
    if (tried.code === 0) return kind;
    reason = tried.stderr.trim().split('\n')[0] ?? '';
  }
  throw new KernelError(
    'refused',
    'unshare',
    `this user may not make namespaces here (${reason}); ${otherwise}allow user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)`,
  );
}

/**
 * The command line that starts `argv` as the first process of a new stage. The stage dies with the process that was
 * started (--kill-child). `bound` ties it to the caller too: it does not outlive a caller that is killed.
 */
export function stageCommand(
  kind: StageKind,
  argv: readonly string[],
  lifetime: 'bound' | 'detached',
): readonly string[] {
  const command = unshare(kind, argv);
  return lifetime === 'bound' ? ['setpriv', '--pdeathsig', 'KILL', '--', ...command] : command;
}

function unshare(kind: StageKind, argv: readonly string[]): readonly string[] {
  const user = kind.userNamespace ? ['--user', '--map-root-user'] : [];
  const mounts = kind.privateMounts ? [] : ['--propagation', 'unchanged'];
  const rest = ['--net', '--mount', '--mount-proc', '--pid', '--fork', '--kill-child', '--', ...argv];
  return ['unshare', ...user, ...mounts, ...rest];
}

/** Whether this process is the first one of a stage; programs that build in their own namespace ask before they do. */
export function onStage(): boolean {
  return process.pid === 1;
}

/**
 * The process id, as seen from here, of a stage's first process: the child of the unshare(1) that started it.
 * Undefined while it is not there yet.
 */
export function firstProcess(unsharePid: number): number | undefined {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = processStat(Number(entry));
    if (stat?.parent === unsharePid) return Number(entry);
  }
  return undefined;
}

/**
 * Whether this process (pid and start time name it for ever) still runs. A process whose main thread has ended shows as a
 * zombie while its other threads go on, and the last of them is the one that ends a pid namespace.
 */
export function isRunning(pid: number, startTime: string): boolean {
  const stat = processStat(pid);
  if (stat === undefined || stat.startTime !== startTime) return false;
  if (stat.state !== 'Z') return true;
  try {
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

export interface ProcessStat {
  readonly parent: number;
  /** `Z`, `S`, `R` ... (proc(5), /proc/PID/stat). */
  readonly state: string;
  /** In clock ticks after boot: with the pid it names one process for ever. */
  readonly startTime: string;
}

/** A process's entry, or undefined when there is none. The name in parentheses may hold anything, also blanks. */
export function processStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const startTime = fields[19];
  if (state === undefined || parent === undefined || startTime === undefined) return undefined;
  return { state, parent: Number(parent), startTime };
}
