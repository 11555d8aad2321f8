/**
 * The running dockerd of a namespace, found in /proc: its arguments, the networking variables of its environment,
 * its configuration file, its store, its log, and its docker-proxy processes. In: the namespace. Out: bundle files.
 * Reading processes of others takes root; what cannot be read is a note.
 */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import type { Notes } from './notes.ts';
import { installed, run } from './process.ts';
import { withoutCredentials, withoutLabels, withoutRequestBodies } from './redact.ts';

export interface Process {
  readonly pid: number;
  readonly argv: readonly string[];
  /** `net:[4026531840]`; undefined when it may not be read. */
  readonly netns: string | undefined;
}

/** Processes with one of these program names, in order of pid. */
export async function processesNamed(names: readonly string[]): Promise<readonly Process[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid): Promise<Process | undefined> => {
      const cmdline = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const argv = cmdline.split('\0').slice(0, -1);
      if (!names.includes(basename(argv[0] ?? ''))) return undefined;
      return { pid, argv, netns: await readlink(`/proc/${pid}/ns/net`).catch(() => undefined) };
    }),
  );
  return found.filter((p) => p !== undefined).sort((a, b) => a.pid - b.pid);
}

/** Processes of these names that live in the namespace; a namespace that may not be read counts as ours if `own`. */
export async function processesIn(
  names: readonly string[],
  inode: string | undefined,
  own: boolean,
): Promise<readonly Process[]> {
  const all = await processesNamed(names);
  return all.filter((p) => (p.netns === undefined ? own : p.netns === inode));
}

/** The values of a flag in its forms `--flag value`, `--flag=value`, `-f value`. */
export function flagValues(argv: readonly string[], names: readonly string[]): readonly string[] {
  return argv.flatMap((word, index) => {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    if (!names.includes(name)) return [];
    const value = equals < 0 ? argv[index + 1] : word.slice(equals + 1);
    return value === undefined ? [] : [value];
  });
}

/** Variables that change dockerd's networking (moby, daemon/libnetwork: os.Getenv). Others may hold secrets. */
const networkingVariables = [
  'DOCKER_FIREWALL_BACKEND',
  'DOCKER_IGNORE_BR_NETFILTER_ERROR',
  'DOCKER_INSECURE_NO_IPTABLES_RAW',
  'DOCKER_IPTABLES_SCTP_CHECKSUM',
  'DOCKER_RAMDISK',
];

/** `dockerd.argv`, `daemon.json`, `local-kv.db` and `dockerd.log`, as far as they can be read; of others only their arguments. */
export async function daemonFiles(
  [daemon, ...others]: readonly [Process, ...Process[]],
  rootDirectory: string | undefined,
  notes: Notes,
  labels = false,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const cleaned = (content: string) =>
    labels ? withoutCredentials(content) : withoutLabels(withoutCredentials(content));
  const cleanedArguments = ({ argv }: Process) =>
    argv.map((word, i) =>
      // A flag's value can be an argument of its own.
      !labels && argv[i - 1] === '--label' ? word.replace(/=.*$/s, '=REDACTED') : cleaned(word),
    );
  const argv = cleanedArguments(daemon);
  const more = others.length === 0 ? {} : { others: others.map(cleanedArguments) };
  const env = await networkingEnvironment(daemon, notes);
  files.set('dockerd.argv', Buffer.from(`${JSON.stringify({ argv, env, ...more }, null, 1)}\n`));
  const explicit = flagValues(daemon.argv, ['--config-file']).at(-1);
  const configPath = explicit ?? '/etc/docker/daemon.json';
  const config = await readOf(daemon, configPath);
  if (typeof config === 'string') notes.add('daemon.json', `${configPath}: ${config}`);
  else files.set('daemon.json', Buffer.from(cleaned(config.toString('utf8'))));
  const root =
    rootDirectory ?? flagValues(daemon.argv, ['--data-root', '--graph', '-g']).at(-1) ?? '/var/lib/docker';
  const store = await readOf(daemon, join(root, 'network/files/local-kv.db'));
  if (typeof store === 'string')
    notes.add('local-kv.db', `${join(root, 'network/files/local-kv.db')}: ${store}`);
  else files.set('local-kv.db', store);
  const log = await journal(daemon, notes);
  if (log !== undefined) files.set('dockerd.log', log);
  return files;
}

/** The files of a dockerd that does not run, where Docker's packages have them: what it is to do, and what it did last. */
export async function restingFiles(notes: Notes, labels = false): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const take = async (file: string, path: string, cleaned: (content: Buffer) => Buffer): Promise<void> => {
    const content = await readFile(path).catch((error: NodeJS.ErrnoException) => error);
    if (content instanceof Error) notes.add(file, `${path}: ${content.code ?? content.message}`);
    else files.set(file, cleaned(content));
  };
  await take('daemon.json', '/etc/docker/daemon.json', (content) =>
    Buffer.from(
      labels
        ? withoutCredentials(content.toString('utf8'))
        : withoutLabels(withoutCredentials(content.toString('utf8'))),
    ),
  );
  await take('local-kv.db', '/var/lib/docker/network/files/local-kv.db', (content) => content);
  return files;
}

async function networkingEnvironment(
  daemon: Process,
  notes: Notes,
): Promise<Readonly<Record<string, string>>> {
  const content = await readFile(`/proc/${daemon.pid}/environ`, 'utf8').catch(
    (error: NodeJS.ErrnoException) => {
      notes.add('dockerd.argv', `environment of process ${daemon.pid}: ${error.code ?? error.message}`);
      return '';
    },
  );
  const entries = content.split('\0').flatMap((entry) => {
    const equals = entry.indexOf('=');
    const name = entry.slice(0, Math.max(equals, 0));
    return networkingVariables.includes(name) ? [[name, entry.slice(equals + 1)] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** Reads a file as the daemon sees it (it may run in another root); a string says why not. */
async function readOf(daemon: Process, path: string): Promise<Buffer | string> {
  if (!isAbsolute(path)) return 'a relative path, its folder is not known';
  const seen = await readFile(join(`/proc/${daemon.pid}/root`, path)).catch(() => undefined);
  if (seen !== undefined) return seen;
  return readFile(path).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? 'does not exist' : (error.code ?? error.message),
  );
}

const logLines = 5000;

/** The service's log, if it is this daemon that the service runs: one in another namespace may be another. */
async function journal(daemon: Process, notes: Notes): Promise<Buffer | undefined> {
  const cgroup = await readFile(`/proc/${daemon.pid}/cgroup`, 'utf8').catch(() => '');
  if (!installed('journalctl') || !/\/docker\.service$/m.test(cgroup)) return undefined;
  const answer = await run([
    'journalctl',
    '-u',
    'docker.service',
    '-b',
    '-o',
    'cat',
    '--no-pager',
    '-n',
    String(logLines),
  ]);
  if (!answer.ok) notes.add('dockerd.log', answer.failed);
  const log = answer.stdout.toString('utf8');
  if (!answer.ok || log.trim() === '' || log.startsWith('-- No entries')) return undefined;
  return Buffer.from(withoutCredentials(withoutRequestBodies(log)));
}

/** `docker-proxy.txt`: the command lines of running userland proxies. */
export function proxyLines(proxies: readonly Process[]): Buffer {
  return Buffer.from(proxies.map((p) => `${p.argv.join(' ')}\n`).join(''));
}
