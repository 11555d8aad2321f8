/**
 * Builds a lab in the stage that it runs in: the place, then our engine on it. In: a daemon.json and an engine version. Out: the running
 * namespaces, what the outside sees, and the facts about all of it. The caller is a stage's first process, and its
 * own namespace is the lab's host; when it ends, everything ends.
 */
import { once } from 'node:events';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type BringUpRequest, bringUp, describeBringUp, type Engine } from '../engine/bring-up.ts';
import { engineFacts } from '../engine/state.ts';
import { processKernel } from '../kernel/apply.ts';
import { type Holder, hold } from '../kernel/namespace.ts';
import { KernelError } from '../kernel/process.ts';
import { onStage } from '../kernel/stage.ts';
import { formatAddr } from '../net/addr.ts';
import {
  farAddress,
  farPort,
  gatewayAddress,
  impatienceChange,
  outsideDescription,
  outsideName,
  placeChange,
} from './place.ts';
import type { Contact } from './talk.ts';

export interface LabRequest {
  readonly configFile?: string;
  /** Engine version to follow; the newest whose rules are written when absent. */
  readonly version?: string;
}

export interface Lab {
  readonly engine: Engine;
  readonly outside: Holder;
  /** Everybody that the outside's listeners were reached by, in order. Grows. */
  readonly contacts: readonly Contact[];
  /** Bundle files that no kernel can tell: the engine's, and the outside's description. */
  readonly facts: ReadonlyMap<string, Uint8Array>;
}

/** The container on the bridge publishes 8080:80/tcp; the other one has host networking. */
export const bridgeContainer = 'web';
export const hostContainer = 'agent';

/** Builds the place and brings the engine up. Throws KernelError or EngineError; what was built goes with the stage. */
export async function buildLab(request: LabRequest): Promise<Lab> {
  if (!onStage()) throw new Error('a lab is only ever built on a stage of its own');

  const outside = await hold({ namespace: 'new' });
  await processKernel.apply(placeChange(outside.path));
  const contacts = await listenOutside(outside);
  const engine = await bringUp(bringUpRequest(request));
  await processKernel.apply(
    impatienceChange(
      engine.plan.links.filter(({ kind }) => kind === 'bridge').map(({ name }) => name),
      [engine.containers.get(bridgeContainer)?.path].filter((path) => path !== undefined),
    ),
  );
  const description = new TextEncoder().encode(`${JSON.stringify(outsideDescription, null, 1)}\n`);
  const facts = new Map([...engineFacts(engine.state), ['outside.json', description]]);
  return { engine, outside, contacts, facts };
}

/** What building this lab would run. The place is really made, and goes with the stage: the engine looks at it. */
export async function describeLab(request: LabRequest): Promise<string> {
  if (!onStage()) throw new Error('a lab is only ever built on a stage of its own');
  const outside = await hold({ namespace: 'new' });
  await processKernel.apply(placeChange(outside.path));
  const engine = await describeBringUp(bringUpRequest(request));
  return `${processKernel.describe(placeChange(`/proc/PID-OF-${outsideName}/ns/net`))}${engine}`;
}

function bringUpRequest(request: LabRequest): BringUpRequest {
  return {
    ...(request.configFile === undefined ? {} : { configFile: request.configFile }),
    ...(request.version === undefined ? {} : { version: request.version }),
    containers: [
      {
        name: bridgeContainer,
        network: 'bridge',
        ports: [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }],
        argv: talkCommand('listen', 'tcp:80'),
      },
      { name: hostContainer, network: 'host', ports: [] },
    ],
  };
}

/** Starts the outside's listeners; returns once they listen. */
async function listenOutside(outside: Holder): Promise<readonly Contact[]> {
  const udp = [gatewayAddress, farAddress].map((address) => `udp:${formatAddr(address)}:${farPort}`);
  const { output } = await hold({
    namespace: { path: outside.path },
    argv: talkCommand('listen', `tcp:${farPort}`, ...udp),
    output: true,
  });
  const contacts: Contact[] = [];
  if (output === null) return contacts;
  const lines = createInterface({ input: output });
  const [first] = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
  if (first !== 'ready')
    throw new KernelError('refused', 'node', 'the listeners of the outside did not start');
  lines.on('line', (line) => contacts.push(JSON.parse(line) as Contact));
  return contacts;
}

/** The command line of talk.ts, as built (.js) or as source (.ts). */
export function talkCommand(...args: readonly string[]): readonly string[] {
  const program = new URL(`./talk${extname(import.meta.url)}`, import.meta.url);
  return [process.execPath, fileURLToPath(program), ...args];
}
