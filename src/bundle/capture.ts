/**
 * Captures a live host, or one network namespace, as Facts in memory: the files of a bundle. It only reads.
 * In: what to look at. Out: raw answers by file name; what could not be read stands in capture-notes.txt.
 * What the answers mean is host/'s subject.
 */
import { readFile, stat } from 'node:fs/promises';
import { release } from 'node:os';
import type { Facts } from '../host/facts.ts';
import { type Progress, unwatched } from '../net/progress.ts';
import { askDocker, type SandboxTarget } from './docker-api.ts';
import { daemonFiles, flagValues, processesIn, proxyLines, restingFiles } from './dockerd.ts';
import { CaptureError } from './error.ts';
import { readModules } from './modules.ts';
import {
  type AnswerKey,
  type Asking,
  askNamespace,
  type CaptureScope,
  findSaveTools,
  inside,
  type NamespaceAnswers,
} from './namespace-commands.ts';
import { Notes } from './notes.ts';
import { limiter, run } from './process.ts';
import { systemFiles } from './system-files.ts';
import { systemVersions } from './system-versions.ts';

export interface CaptureTarget {
  /** Path of the host's network namespace; our own unless told. */
  readonly netns?: string;
  /** Containers' namespaces, instead of those that dockerd names. */
  readonly sandboxes?: readonly SandboxTarget[];
  /** Everything, unless told. */
  readonly scope?: CaptureScope;
  /** What another engine knows of itself (daemon.json, docker-*.json, dockerd.argv): then dockerd is not asked. */
  readonly engineFacts?: ReadonlyMap<string, Uint8Array>;
  /** Keep labels of containers, networks and the engine, which may say anything. */
  readonly labels?: boolean;
  readonly progress?: Progress;
}

/** Commands at once: they are short, and more than the machine's cores gain nothing. */
const width = 8;

/** Name of the file that says what could not be read. */
export const notesFile = 'capture-notes.txt';

/** Throws CaptureError when the host or namespace cannot be read at all. */
export async function captureFacts(target: CaptureTarget = {}): Promise<Facts> {
  const { netns } = target;
  const inode = await namespaceInode(netns ?? '/proc/self/ns/net');
  if (netns !== undefined) await enterable(netns, inode);
  const notes = new Notes();
  const [modules, saveTools] = await Promise.all([readModules(), findSaveTools()]);
  const scope = target.scope ?? 'everything';
  const asking: Asking = { netns, role: 'host', scope, modules, saveTools, limit: limiter(width) };
  const [host, engine, tools, system] = await Promise.all([
    askNamespace(asking),
    target.engineFacts === undefined
      ? dockerFacts(netns === undefined, inode, notes, target.labels === true)
      : { files: target.engineFacts, sandboxes: [] },
    toolVersions(),
    netns === undefined ? systemFiles(notes) : new Map<string, Uint8Array>(),
  ]);
  const files = new Map<string, Uint8Array>();
  for (const [key, bytes] of host.answers) files.set(hostFiles[key], bytes);
  for (const [key, reason] of host.failures) notes.add(hostFiles[key], reason);
  // A host without any tool still tells what its engine is to do.
  const tellsLittle =
    !files.has('ip-link.json') && !files.has('ip-addr.json') && !files.has('iptables-save.txt');
  if (tellsLittle && engine.files.size === 0) {
    const why = notes.lines().find((line) => line.startsWith('ip-')) ?? notes.lines()[0];
    throw new CaptureError(`nothing could be read (${why ?? 'no tool answered'})`);
  }
  const targets = target.sandboxes ?? engine.sandboxes;
  files.set(
    'sandboxes.json',
    await captureSandboxes(targets, target.progress ?? unwatched, inode, asking, notes),
  );
  files.set('tools.txt', tools);
  if (modules.listing !== '') files.set('modules.txt', Buffer.from(modules.listing));
  for (const [name, bytes] of [...system, ...engine.files]) files.set(name, bytes);
  files.set(
    notesFile,
    Buffer.from(
      notes
        .lines()
        .map((line) => `${line}\n`)
        .join(''),
    ),
  );
  return { files, origin: 'live' };
}

/** Bundle file of each answer. */
const hostFiles: Readonly<Record<AnswerKey, string>> = {
  link: 'ip-link.json',
  addr: 'ip-addr.json',
  route: 'ip-route.json',
  route6: 'ip6-route.json',
  rule: 'ip-rule.json',
  rule6: 'ip6-rule.json',
  neigh: 'ip-neigh.json',
  'bridge-link': 'bridge-link.json',
  'bridge-fdb': 'bridge-fdb.json',
  'bridge-vlan': 'bridge-vlan.json',
  tc: 'tc.json',
  ss: 'ss.txt',
  sysctl: 'sysctl.txt',
  conntrack: 'conntrack.txt',
  ipset: 'ipset-save.txt',
  'nft-json': 'nft-ruleset.json',
  'nft-text': 'nft-ruleset.txt',
  save: 'iptables-save.txt',
  save6: 'ip6tables-save.txt',
  'legacy-save': 'iptables-legacy-save.txt',
  'legacy-save6': 'ip6tables-legacy-save.txt',
};

/** `net:[4026532695]` of a namespace's path, be it in /proc or a mount in /run; undefined when it may not be seen. */
async function namespaceInode(path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined);
  return info === undefined ? undefined : `net:[${info.ino}]`;
}

async function enterable(netns: string, inode: string | undefined): Promise<void> {
  if (inode === undefined)
    throw new CaptureError(`${netns}: no such network namespace, or no permission to see it`);
  const answer = await run(inside(netns, ['true']));
  if (!answer.ok) throw new CaptureError(`${netns}: ${answer.failed.replace(/^nsenter: /, '')}`);
}

interface EngineFacts {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly sandboxes: readonly SandboxTarget[];
}

/** The dockerd of this namespace, if there is one: found by its process, asked over its socket. */
async function dockerFacts(
  own: boolean,
  inode: string | undefined,
  notes: Notes,
  labels: boolean,
): Promise<EngineFacts> {
  const [[daemon, ...others], proxies] = await Promise.all([
    processesIn(['dockerd'], inode, own),
    processesIn(['docker-proxy'], inode, own),
  ]);
  const listensAt = flagValues(daemon?.argv ?? [], ['-H', '--host']).find((host) =>
    host.startsWith('unix://'),
  );
  const socket = listensAt?.slice('unix://'.length) ?? '/run/docker.sock';
  const present = (daemon !== undefined || own) && (await stat(socket).catch(() => undefined)) !== undefined;
  const files = new Map<string, Uint8Array>();
  if (daemon === undefined && !present) {
    notes.add('dockerd.argv', 'no dockerd runs here');
    return { files: own ? await restingFiles(notes, labels) : files, sandboxes: [] };
  }
  const docker = present
    ? await askDocker(socket, daemon === undefined ? '' : `/proc/${daemon.pid}/root`, notes, labels)
    : { files, sandboxes: [], rootDirectory: undefined };
  if (!present) notes.add('docker-version.json', `${socket} does not exist`);
  const fromDaemon =
    daemon === undefined
      ? files
      : await daemonFiles([daemon, ...others], docker.rootDirectory, notes, labels);
  const proxyFile = new Map([['docker-proxy.txt', proxyLines(proxies)]]);
  return { files: new Map([...docker.files, ...fromDaemon, ...proxyFile]), sandboxes: docker.sandboxes };
}

/** Field of sandboxes.json for each answer; JSON answers stay JSON, line lists become arrays. */
const sandboxFields: Partial<
  Readonly<Record<AnswerKey, { readonly field: string; readonly form: 'json' | 'lines' | 'text' }>>
> = {
  addr: { field: 'ip_addr', form: 'json' },
  route: { field: 'ip_route', form: 'json' },
  route6: { field: 'ip6_route', form: 'json' },
  rule: { field: 'ip_rule', form: 'json' },
  rule6: { field: 'ip6_rule', form: 'json' },
  neigh: { field: 'ip_neigh', form: 'json' },
  ss: { field: 'ss', form: 'lines' },
  sysctl: { field: 'sysctl', form: 'lines' },
  'nft-text': { field: 'nft', form: 'text' },
  save: { field: 'iptables_save', form: 'text' },
  save6: { field: 'ip6tables_save', form: 'text' },
  'legacy-save': { field: 'iptables_legacy_save', form: 'text' },
  'legacy-save6': { field: 'ip6tables_legacy_save', form: 'text' },
};

async function captureSandboxes(
  targets: readonly SandboxTarget[],
  progress: Progress,
  hostInode: string | undefined,
  asking: Asking,
  notes: Notes,
): Promise<Uint8Array> {
  let done = 0;
  const entries = await Promise.all(
    targets.map(async (target) => {
      const box = await captureSandbox(target, hostInode, asking, notes);
      done += 1;
      progress('namespaces', done, targets.length);
      return [target.name, box] as const;
    }),
  );
  const seen = entries.filter(([, box]) => box !== undefined);
  return Buffer.from(`${JSON.stringify(Object.fromEntries(seen), null, 1)}\n`);
}

async function captureSandbox(
  target: SandboxTarget,
  hostInode: string | undefined,
  asking: Asking,
  notes: Notes,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const place = `sandboxes.json#${target.name}`;
  const inode = await namespaceInode(target.netns);
  if (inode === undefined) {
    notes.add(place, `${target.netns}: no such network namespace, or no permission to see it`);
    return undefined;
  }
  const files = {
    ...(await optionalFile('resolv_conf', target.resolvConf, place, notes)),
    ...(await optionalFile('hosts', target.hosts, place, notes)),
  };
  if (inode === hostInode) return { netns: inode, shares_host: true, ...files };
  const answers = await askNamespace({ ...asking, netns: target.netns, role: 'container' });
  return { netns: inode, shares_host: false, ...files, ...sandboxAnswers(answers, place, notes) };
}

function sandboxAnswers(
  { answers, failures }: NamespaceAnswers,
  place: string,
  notes: Notes,
): Readonly<Record<string, unknown>> {
  const box: Record<string, unknown> = {};
  for (const [key, reason] of failures) notes.add(`${place}/${sandboxFields[key]?.field ?? key}`, reason);
  for (const [key, bytes] of answers) {
    const kind = sandboxFields[key];
    if (kind === undefined) continue;
    const content = bytes.toString('utf8');
    if (kind.form === 'text') box[kind.field] = content;
    else if (kind.form === 'lines') box[kind.field] = content.split('\n').filter((line) => line !== '');
    else {
      try {
        box[kind.field] = JSON.parse(content);
      } catch {
        notes.add(`${place}/${kind.field}`, 'the tool did not print JSON');
      }
    }
  }
  return box;
}

async function optionalFile(
  field: string,
  path: string | undefined,
  place: string,
  notes: Notes,
): Promise<Readonly<Record<string, string>>> {
  if (path === undefined) return {};
  try {
    return { [field]: await readFile(path, 'utf8') };
  } catch (error) {
    notes.add(`${place}/${field}`, error instanceof Error ? error.message : String(error));
    return {};
  }
}

/** tools.txt: versions of the tools that answered, of what lies below the engine, and the running kernel's at the end. */
async function toolVersions(): Promise<Uint8Array> {
  const asked = [
    ['iptables', '-V'],
    ['nft', '-v'],
    ['ip', '-V'],
  ];
  const [below, ...versions] = await Promise.all([systemVersions(), ...asked.map((argv) => run(argv))]);
  const lines = versions.map((v) => (v.ok ? v.stdout.toString('utf8').trim() : v.failed));
  return Buffer.from(`${[...lines, ...below, release()].join('\n')}\n`);
}
