/**
 * What dockerd itself says, over its socket: version, info, every network and every running container.
 * In: the socket's path. Out: the bundle's docker-*.json, with secrets removed, and the containers' namespaces.
 * Only GET requests are made.
 */
import { request } from 'node:http';
import { limits } from './limits.ts';
import type { Notes } from './notes.ts';
import { containerWithoutSecrets, unlabelled, withoutCredentials } from './redact.ts';

/** A container's namespace and the files that dockerd made for it. */
export interface SandboxTarget {
  readonly name: string;
  /** Path of its network namespace. */
  readonly netns: string;
  /** Its resolv.conf and hosts as files of the host. */
  readonly resolvConf?: string;
  readonly hosts?: string;
}

export interface DockerFacts {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly sandboxes: readonly SandboxTarget[];
  /** dockerd's data-root, from /info. */
  readonly rootDirectory: string | undefined;
}

/** Milliseconds for one request. */
const requestTimeout = 2000;

/**
 * Asks the daemon; what it does not answer is noted. `root` is how its file system is reached from here: it may run in
 * namespaces of its own, where process ids and paths are others. `labels`: keep those of containers, networks and the engine.
 */
export async function askDocker(
  socketPath: string,
  root: string,
  notes: Notes,
  labels = false,
): Promise<DockerFacts> {
  const files = new Map<string, Uint8Array>();
  const ask = (path: string) => getJson(socketPath, path);
  const put = (file: string, value: unknown): void => {
    files.set(file, Buffer.from(`${withoutCredentials(JSON.stringify(value, null, 1))}\n`));
  };
  const version = await ask('/version').catch((error: Error) => {
    notes.add('docker-version.json', `${socketPath}: ${error.message}`);
    return undefined;
  });
  if (version === undefined) return { files, sandboxes: [], rootDirectory: undefined };
  put('docker-version.json', version);
  const part = async <T>(file: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      const value = await work();
      return value;
    } catch (error) {
      notes.add(file, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };
  const [info, networks, containers] = await Promise.all([
    part('docker-info.json', () => ask('/info')),
    part('docker-network-inspect.json', () => inspectAll(ask, '/networks', (id) => `/networks/${id}`)),
    part('docker-container-inspect.json', () =>
      inspectAll(ask, '/containers/json', (id) => `/containers/${id}/json`),
    ),
  ]);
  const shown = labels ? (value: unknown) => value : unlabelled;
  if (info !== undefined) put('docker-info.json', shown(info));
  if (networks !== undefined) put('docker-network-inspect.json', networks.map(shown));
  if (containers !== undefined)
    put(
      'docker-container-inspect.json',
      containers.map((container) => containerWithoutSecrets(container, labels)),
    );
  return {
    files,
    sandboxes: (containers ?? []).flatMap((container) => sandboxOf(container, root)),
    rootDirectory: stringAt(info, 'DockerRootDir'),
  };
}

type Ask = (path: string) => Promise<unknown>;

/** A listing, then each of its entries in full; one that vanished in between is left out. */
async function inspectAll(
  ask: Ask,
  list: string,
  entry: (id: string) => string,
): Promise<readonly unknown[]> {
  const listed = await ask(list);
  if (!Array.isArray(listed)) throw new Error(`${list} did not answer with a list`);
  const ids = listed.map((item) => stringAt(item, 'Id')).filter((id) => id !== undefined && /^\w+$/.test(id));
  const found = await Promise.all(ids.map((id) => ask(entry(id ?? '')).catch(() => undefined)));
  return found.filter((value) => value !== undefined);
}

function sandboxOf(container: unknown, root: string): readonly SandboxTarget[] {
  const pid = at(at(container, 'State'), 'Pid');
  const name = stringAt(container, 'Name')?.replace(/^\//, '');
  if (typeof pid !== 'number' || pid <= 0 || name === undefined) return [];
  const resolvConf = stringAt(container, 'ResolvConfPath');
  const hosts = stringAt(container, 'HostsPath');
  return [
    {
      name,
      netns: `${root}/proc/${pid}/ns/net`,
      ...(resolvConf ? { resolvConf: `${root}${resolvConf}` } : {}),
      ...(hosts ? { hosts: `${root}${hosts}` } : {}),
    },
  ];
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function stringAt(value: unknown, key: string): string | undefined {
  const found = at(value, key);
  return typeof found === 'string' ? found : undefined;
}

function getJson(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { Host: 'docker' } }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limits.file) asked.destroy(new Error(`${path} answered with too much`));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () => {
        clearTimeout(timer);
        if (response.statusCode !== 200) reject(new Error(`${path} answered ${response.statusCode}`));
        else resolve(parse(Buffer.concat(chunks).toString('utf8'), path, reject));
      });
    });
    // One timer for the whole request: a daemon that hangs half-way must not hold up the rest.
    const timer = setTimeout(() => asked.destroy(new Error(`${path} gave no answer`)), requestTimeout);
    asked.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    asked.end();
  });
}

function parse(body: string, path: string, reject: (error: Error) => void): unknown {
  try {
    return JSON.parse(body);
  } catch {
    reject(new Error(`${path} did not answer with JSON`));
    return undefined;
  }
}
