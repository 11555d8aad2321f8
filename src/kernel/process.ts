/**
 * Child processes: one argument array and one text on standard input, in; exit status and output, out.
 * Every effect of kernel/ goes through here. No shell is ever started, and no text becomes a command line.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** What is run: a program with its arguments, and what it reads. */
export interface Invocation {
  readonly argv: readonly string[];
  readonly stdin?: string;
}

export interface Finished {
  /** Exit status; 128 + signal number is not used: a killed process has `code` -1. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Milliseconds after which the process is killed; 30 s unless told. */
  readonly timeout?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const outputLimit = 64 * 1024 * 1024;

/** A program that is needed is not there, or a program refused. `tool` names it. */
export class KernelError extends Error {
  readonly tool: string;
  readonly kind: 'missing-tool' | 'refused' | 'timeout';
  constructor(kind: KernelError['kind'], tool: string, message: string) {
    super(message);
    this.name = 'KernelError';
    this.kind = kind;
    this.tool = tool;
  }
}

/** Debian's package for each program that kernel/ starts; for the one line that says what to install. */
const packages: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  ss: 'iproute2',
  bridge: 'iproute2',
  iptables: 'iptables',
  'iptables-nft-restore': 'iptables',
  'iptables-legacy-restore': 'iptables',
  'ip6tables-nft-restore': 'iptables',
  'ip6tables-legacy-restore': 'iptables',
  ping: 'iputils-ping',
  mount: 'mount',
  nft: 'nftables',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  setpriv: 'util-linux',
};

/** The line for a program that is not installed. */
export function missingTool(tool: string): KernelError {
  const name = packages[tool];
  const remedy = name === undefined ? '' : `: apt-get install ${name}`;
  return new KernelError('missing-tool', tool, `${tool} is not installed${remedy}`);
}

/** Whether a program of this name can be started. */
export function isInstalled(tool: string): boolean {
  return systemPath()
    .split(':')
    .some((dir) => existsSync(join(dir, tool)));
}

/**
 * Programs of the system live in sbin too, which an ordinary user's PATH often lacks.
 */
export function systemPath(): string {
  const path = process.env.PATH ?? '';
  const missing = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'].filter(
    (dir) => !path.split(':').includes(dir),
  );
  return [path, ...missing].filter((part) => part !== '').join(':');
}

/** Runs to the end. A status other than 0 is a result, not an error; throws KernelError if it cannot start or hangs. */
export function run(invocation: Invocation, options: RunOptions = {}): Promise<Finished> {
  const [tool, ...args] = invocation.argv;
  if (tool === undefined) throw new Error('an invocation needs a program');
  const timeout = options.timeout ?? 30_000;
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C', ...options.env, PATH: systemPath() },
    });
    const out = collect(child.stdout);
    const err = collect(child.stderr);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeout);
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const gone = error.code === 'ENOENT' && options.cwd === undefined;
      reject(gone ? missingTool(tool) : new KernelError('refused', tool, `${tool}: ${error.message}`));
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      if (timedOut)
        reject(new KernelError('timeout', tool, `${tool} did not end within ${timeout / 1000} s`));
      else resolve({ code: code ?? -1, stdout: out(), stderr: err() });
    });
    // A child that ends without reading its input is judged by its status, not by our broken pipe.
    child.stdin.on('error', () => {});
    child.stdin.end(invocation.stdin ?? '');
  });
}

/** Runs and throws KernelError with the tool's own first line if the status is not 0. */
export async function mustRun(invocation: Invocation, options?: RunOptions): Promise<Finished> {
  const finished = await run(invocation, options);
  if (finished.code !== 0) throw refusal(invocation, finished);
  return finished;
}

/** The program that an invocation is about: behind `nsenter`, the one that runs inside. */
function toolOf(invocation: Invocation): string {
  const argv = invocation.argv;
  const inner = argv[0] === 'nsenter' ? argv.indexOf('--') + 1 : 0;
  return argv[inner] ?? argv[0] ?? '';
}

/** A KernelError of a finished process that failed. */
export function refusal(invocation: Invocation, finished: Finished): KernelError {
  const tool = toolOf(invocation);
  const text = finished.stderr.trim() || finished.stdout.trim();
  if (text.includes(`failed to execute ${tool}: No such file or directory`)) return missingTool(tool);
  const line = text.split('\n')[0] ?? '';
  return new KernelError('refused', tool, `${tool}: ${line === '' ? `exit status ${finished.code}` : line}`);
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= outputLimit) chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
