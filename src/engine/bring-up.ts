/**
 * Brings networks up: the start of a daemon and of containers, in one go. In: a namespace, a daemon.json, what should run.
 * Out: the running containers, the engine's state, and how to take everything down. Options, intent and plan are computed
 * before the kernel is touched; then it changes in few batches. It opens no socket and keeps no daemon running.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Namespace } from '../host/state.ts';
import { processKernel } from '../kernel/apply.ts';
import { type Change, inOrder } from '../kernel/change.ts';
import { type Holder, hold, type NamespacePath } from '../kernel/namespace.ts';
import { observeHost } from '../kernel/observe.ts';
import type { Options } from '../options/options.ts';
import { resolveOptions } from '../options/resolve.ts';
import { generationFor } from '../plan/generation.ts';
import type { Plan } from '../plan/plan.ts';
import { type Draft, draft } from './draft.ts';
import { endpointsChange, hostChange } from './realise.ts';
import type { EngineState, PublishedPort } from './state.ts';

export interface BringUpRequest {
  /** The host's network namespace; absent: the caller's own. */
  readonly netns?: NamespacePath;
  /** Path of a daemon.json; absent: every option has its default. */
  readonly configFile?: string;
  /** Engine version to follow; absent: the newest whose rules are written. */
  readonly version?: string;
  /** In the order in which they start. Names are unique. */
  readonly containers: readonly ContainerRequest[];
}

export interface ContainerRequest {
  readonly name: string;
  /** The default bridge network, or the host's own namespace. */
  readonly network: 'bridge' | 'host';
  readonly ports: readonly PublishedPort[];
  /** Its process; it sleeps unless told. */
  readonly argv?: readonly string[];
}

export interface Engine {
  readonly state: EngineState;
  readonly options: Options;
  readonly plan: Plan;
  /** By container name. */
  readonly containers: ReadonlyMap<string, Holder>;
  /** Ends the containers and takes back what was changed on the host. */
  takeDown(): Promise<void>;
}

/** Why an engine did not come up: its configuration, or what is not supported yet. The kernel's refusals are KernelErrors. */
export class EngineError extends Error {
  readonly kind: 'config' | 'unsupported';
  constructor(kind: EngineError['kind'], message: string) {
    super(message);
    this.name = 'EngineError';
    this.kind = kind;
  }
}

/** The newest engine version whose rules are written. */
export const newestVersion = '28.5.2';

/** Brings everything up, or leaves nothing behind and throws EngineError or KernelError. */
export async function bringUp(request: BringUpRequest): Promise<Engine> {
  const { netns } = request;
  const prepared = await prepare(request);
  const containers = await startContainers(request.containers, netns);
  try {
    const { undo } = await processKernel.apply(
      wholeChange(prepared, netns, (name) => containers.get(name)?.path),
    );
    const pids = new Map([...containers].map(([name, holder]) => [name, holder.pid]));
    return {
      state: { ...prepared.identity, ...prepared.drafted.records(pids) },
      options: prepared.options,
      plan: prepared.drafted.plan,
      containers,
      takeDown: async () => {
        await releaseAll(containers);
        // The veth pairs went with their containers' namespaces.
        await processKernel.apply(withoutVanished(undo, netns));
      },
    };
  } catch (error) {
    await releaseAll(containers);
    throw error;
  }
}

/** What bringing up would run on this host as it is, for people. Namespaces of containers that do not run yet have a made-up pid. */
export async function describeBringUp(request: BringUpRequest): Promise<string> {
  const prepared = await prepare(request);
  return processKernel.describe(
    wholeChange(prepared, request.netns, (name) => `/proc/PID-OF-${name}/ns/net`),
  );
}

interface Prepared {
  readonly identity: Pick<EngineState, 'version' | 'config' | 'argv'>;
  readonly options: Options;
  readonly host: Namespace;
  readonly drafted: Draft;
}

/** Reads the configuration, looks at the host, and decides; changes nothing. */
async function prepare(request: BringUpRequest): Promise<Prepared> {
  const version = request.version ?? newestVersion;
  const config = readConfig(request.configFile);
  const argv = ['dockerd', ...(config === undefined ? [] : ['--config-file', config.path])];
  const options = effectiveOptions(version, config, argv);
  const generation = generationFor(options);
  if (generation === undefined)
    throw new EngineError('unsupported', `no rules are written yet for engine version ${version}`);
  const { host, backend } = await observeHost(request.netns);
  const drafted = draft({
    options,
    generation,
    host,
    backend,
    containers: request.containers,
    now: new Date().toISOString(),
    newId: (digits) =>
      randomBytes(Math.ceil(digits / 2))
        .toString('hex')
        .slice(0, digits),
  });
  if (drafted.kind === 'impossible') throw new EngineError('config', drafted.why);
  const identity = { version, ...(config === undefined ? {} : { config }), argv };
  return { identity, options, host, drafted };
}

function readConfig(path: string | undefined): EngineState['config'] {
  if (path === undefined) return undefined;
  try {
    return { path, bytes: readFileSync(path) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new EngineError('config', `cannot read ${path}: ${why}`);
  }
}

function effectiveOptions(version: string, config: EngineState['config'], argv: readonly string[]): Options {
  const file = config === undefined ? {} : { file: { path: config.path, text: config.bytes } };
  const { options, errors } = resolveOptions({ engine: version, ...file, argv });
  const [first] = errors;
  if (first === undefined) return options;
  throw new EngineError('config', `the daemon would refuse this configuration: ${first.message}`);
}

async function startContainers(
  requests: readonly ContainerRequest[],
  netns: NamespacePath,
): Promise<ReadonlyMap<string, Holder>> {
  const started = await Promise.allSettled(
    requests.map(({ network, argv }) =>
      hold({
        namespace: network === 'bridge' ? 'new' : { path: netns },
        ...(argv === undefined ? {} : { argv }),
      }),
    ),
  );
  const running = new Map<string, Holder>();
  for (const [index, result] of started.entries()) {
    if (result.status === 'fulfilled') running.set(requests[index]?.name ?? '', result.value);
  }
  const failed = started.find((result) => result.status === 'rejected');
  if (failed === undefined) return running;
  await releaseAll(running);
  throw failed.reason;
}

async function releaseAll(holders: ReadonlyMap<string, Holder>): Promise<void> {
  await Promise.all([...holders.values()].map((holder) => holder.release()));
}

function wholeChange(
  { drafted, host }: Prepared,
  netns: NamespacePath,
  pathOf: (container: string) => string | undefined,
): Change {
  const endpoints = drafted.endpoints.flatMap(({ container, ...endpoint }) => {
    const path = pathOf(container);
    return path === undefined ? [] : [{ ...endpoint, container: path }];
  });
  return inOrder(hostChange(drafted.plan, host, netns), endpointsChange(endpoints, netns));
}

/** What is left to undo once the containers' namespaces are gone, and every veth with them. */
function withoutVanished(undo: Change, netns: NamespacePath): Change {
  const vanished = (name: string) => /^veth[0-9a-f]{7}$/.test(name);
  return {
    steps: undo.steps.filter(
      (step) => step.netns === netns && !(step.kind === 'delete-link' && vanished(step.name)),
    ),
  };
}
