/**
 * A real dockerd on a stage of its own, with an image to run. In: its configuration and flags. Out: the path of its
 * network namespace, its socket, its log, and `docker`. When this process ends, however it ends, the kernel ends the
 * daemon and all its containers; the folder and cgroups of one that was killed go when the next is started.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isInstalled, mustRun, run, systemPath } from '../../src/kernel/process.ts';
import { firstProcess, isRunning, processStat, stageCommand } from '../../src/kernel/stage.ts';

export interface DockerdSettings {
  /** What is written as daemon.json. */
  readonly config?: unknown;
  /** Flags for dockerd besides those that keep it in its folder. */
  readonly argv?: readonly string[];
  /** Variables of its environment besides those of the tests. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Dockerd {
  /** Path of the network namespace that the daemon runs in. At first it has no link but loopback. */
  readonly netns: string;
  /** Path of the socket. */
  readonly socket: string;
  /** Path of the log, at level debug; a daemon that is started again goes on with it. */
  readonly log: string;
  readonly dataRoot: string;
  /** Runs `docker` with these arguments and gives what it printed. Throws KernelError if it fails. */
  docker(...args: readonly string[]): Promise<string>;
  /** Stops the daemon as a service manager does; the namespace and the data stay. */
  halt(): Promise<void>;
  /** Starts a halted daemon, with the settings that it had or with others. */
  start(settings?: DockerdSettings): Promise<void>;
  /** Ends the daemon and everything that it started at once, and removes its files. */
  stop(): Promise<void>;
}

/** The image that every daemon has: busybox under the names of all its applets. */
export const image = 'busybox:test';

const stageKind = { userNamespace: false, privateMounts: true } as const;
const patience = 60_000;

/** Why a dockerd cannot be run here; undefined if it can. */
export function dockerdUnavailable(): string | undefined {
  if (process.geteuid?.() !== 0) return 'a real dockerd needs root';
  const missing = ['dockerd', 'docker', 'busybox'].filter((tool) => !isInstalled(tool));
  if (missing.length > 0) return `not installed: ${missing.join(', ')} (Debian: docker.io, busybox-static)`;
  // The dynamic loader's name stands in programs that need one.
  if (readFileSync(busybox()).includes('/ld-linux')) return 'busybox is not the static one (busybox-static)';
  const [tool = '', ...args] = stageCommand(stageKind, ['mount', '-t', 'tmpfs', 'tmpfs', '/run'], 'bound');
  const tried = spawnSync(tool, args, { encoding: 'utf8' });
  if (tried.status !== 0) return `no stage can be made here: ${tried.error?.message ?? tried.stderr.trim()}`;
  // The hierarchy of cgroup v2, or a controller of v1; in many containers they are read-only.
  const cgroups = ['/sys/fs/cgroup/cgroup.procs', '/sys/fs/cgroup/devices'];
  return cgroups.some(isWritable) ? undefined : 'no cgroups can be made here';
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts a daemon and waits until it answers. Throws with the end of its log when it ends instead. */
export async function startDockerd(settings: DockerdSettings = {}): Promise<Dockerd> {
  removeLeftOvers();
  const folder = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-${startTime(process.pid)}-`));
  const socket = join(folder, 'd.sock');
  const log = join(folder, 'dockerd.log');
  const dataRoot = join(folder, 'data');
  const env = { ...withoutDockerVariables(), DOCKER_CONFIG: folder };
  const stage = spawnHere(stageCommand(stageKind, ['sleep', 'infinity'], 'bound'), 'ignore');
  let first: number | undefined;
  let daemon: ChildProcess | undefined;
  let current = settings;

  const dockerCommand = (args: readonly string[]) => ({
    argv: ['docker', '--host', `unix://${socket}`, ...args],
  });
  const inside = (argv: readonly string[]): readonly string[] => {
    return ['nsenter', '--target', `${first}`, '--net', '--mount', '--pid', '--', ...argv];
  };
  const docker = async (...args: readonly string[]): Promise<string> => {
    const finished = await mustRun(dockerCommand(args), { env, timeout: patience });
    return finished.stdout;
  };
  const start = async (changed: DockerdSettings = current): Promise<void> => {
    current = changed;
    const configFile = join(folder, 'daemon.json');
    writeFileSync(configFile, `${JSON.stringify(changed.config ?? {}, null, 2)}\n`);
    const flags = [
      ...['--debug', '--storage-driver', 'vfs', '--config-file', configFile],
      ...['--data-root', dataRoot, '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid')],
      ...['--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', `/${basename(folder)}`],
      ...['--host', `unix://${socket}`, ...(changed.argv ?? [])],
    ];
    const output = openSync(log, 'a');
    const started = spawnHere(inside(['dockerd', ...flags]), output, changed.env);
    closeSync(output);
    daemon = started;
    const answer = async () => (await run(dockerCommand(['version']), { env, timeout: patience })).code === 0;
    await until(answer, started).catch((error: Error) => {
      const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-3);
      throw new Error([`dockerd: ${error.message}`, ...lines].join('\n'));
    });
  };
  const halt = async (): Promise<void> => {
    // Our child is nsenter, which waits for the daemon and passes no signals on.
    const pid = daemon?.pid === undefined ? undefined : firstProcess(daemon.pid);
    if (daemon === undefined || pid === undefined) return;
    process.kill(pid, 'SIGTERM');
    await ended(daemon);
  };
  const stop = async (): Promise<void> => {
    // The first process of a pid namespace ends after every other one in it.
    if (first === undefined) stage.kill('SIGKILL');
    else process.kill(first, 'SIGKILL');
    await ended(stage);
    remove(folder);
  };

  try {
    await until(async () => {
      first = stage.pid === undefined ? undefined : firstProcess(stage.pid);
      return first !== undefined && programOf(first) === 'sleep';
    }, stage);
    for (const argv of furnish) await mustRun({ argv: inside(argv) });
    await start();
    await docker('import', await imageArchive(folder), image);
  } catch (error) {
    await stop();
    throw error;
  }
  return { netns: `/proc/${first}/ns/net`, socket, log, dataRoot, docker, halt, start, stop };
}

/**
 * What dockerd and containerd keep outside of their folders, they keep on the stage: sockets and plugins in /run and /opt,
 * a key in /etc. There is no firewalld to be heard in this /run either.
 */
const furnish: readonly (readonly string[])[] = [
  ['ip', 'link', 'set', 'lo', 'up'],
  ['mount', '-t', 'tmpfs', 'tmpfs', '/opt'],
  ['mount', '-t', 'tmpfs', 'tmpfs', '/run'],
  ['mkdir', '/run/upper', '/run/work'],
  [
    ...['mount', '-t', 'overlay', 'overlay', '/etc'],
    ...['-o', 'lowerdir=/etc,upperdir=/run/upper,workdir=/run/work'],
  ],
];

/** The name of a process's program; that of unshare(1) while the stage is being made. */
function programOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** A tar archive of a root file system that has busybox and nothing else. */
async function imageArchive(folder: string): Promise<string> {
  const bin = join(folder, 'rootfs/bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync(busybox(), join(bin, 'busybox'));
  const { stdout } = await mustRun({ argv: ['busybox', '--list'] });
  for (const name of stdout.trim().split('\n'))
    if (name !== 'busybox') symlinkSync('busybox', join(bin, name));
  const archive = join(folder, 'image.tar');
  await mustRun({ argv: ['tar', '-C', join(folder, 'rootfs'), '-cf', archive, '.'] });
  return archive;
}

function busybox(): string {
  const paths = systemPath()
    .split(':')
    .map((directory) => join(directory, 'busybox'));
  return paths.find((path) => existsSync(path)) ?? 'busybox';
}

function spawnHere(
  argv: readonly string[],
  output: 'ignore' | number,
  more: Readonly<Record<string, string>> = {},
): ChildProcess {
  const [tool = '', ...args] = argv;
  const env = { ...process.env, ...withoutDockerVariables(), PATH: systemPath(), ...more };
  return spawn(tool, args, { stdio: ['ignore', output, output], env });
}

/** What whoever runs the tests has set for a docker of theirs does not count. */
function withoutDockerVariables(): Readonly<Record<string, undefined>> {
  const names = Object.keys(process.env).filter((name) => name.startsWith('DOCKER_'));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

/** Waits until the condition holds, but no longer than the process runs. */
async function until(holds: () => Promise<boolean>, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + patience;
  while (!(await holds())) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`ended with ${child.exitCode ?? child.signalCode}`);
    if (Date.now() > deadline) throw new Error(`not ready within ${patience / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function ended(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', resolve));
}

/** Names folder and cgroups of a daemon, together with the process that started it. */
const prefix = 'bridgekeeper-dockerd-';

function startTime(pid: number): string {
  return processStat(pid)?.startTime ?? '';
}

/** What daemons left whose owner was killed. */
function removeLeftOvers(): void {
  for (const folder of globSync(join(tmpdir(), `${prefix}*`))) {
    const [pid = '', started = ''] = basename(folder).slice(prefix.length).split('-');
    if (isRunning(Number(pid), started)) continue;
    try {
      remove(folder);
    } catch {
      // Another test removes it at this moment.
    }
  }
}

/** A folder whose processes have ended, and the cgroups of that name: one for each controller, or one for all. */
function remove(folder: string): void {
  const name = basename(folder);
  const cgroups = globSync([`/sys/fs/cgroup/${name}`, `/sys/fs/cgroup/*/${name}`]);
  for (const cgroup of cgroups) {
    const containers = readdirSync(cgroup, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const container of containers) rmdirSync(join(cgroup, container.name));
    rmdirSync(cgroup);
  }
  rmSync(folder, { recursive: true, force: true });
}
