/**
 * What the engine of a bundle holds: what it reports itself, else what its store says.
 * In: Facts, the host's state and what the log tells. Out: an Intent with its source, or nothing. Where there are both, they are not
 * mixed: the running engine is believed, and where its store says otherwise is `intent-differences.ts`'s subject.
 */
import { storeRecords } from '../bolt/docker-records.ts';
import { readBolt } from '../bolt/read.ts';
import { type Facts, type Parsed, text } from '../host/facts.ts';
import { parseJson } from '../host/json.ts';
import type { HostState } from '../host/state.ts';
import { intentFromStore } from '../intent/from-store.ts';
import { intentFromInspect } from '../intent/inspect.ts';
import type { Intent } from '../intent/intent.ts';
import type { Evidence } from '../intent/order.ts';
import type { PortOrder } from '../intent/port-order.ts';
import { formatAddr } from '../net/addr.ts';
import type { EngineLog } from './engine-log.ts';

/** Names a file of the bundle; `rules`: the engine's own rules, where nothing else is there. */
export type IntentSource = 'docker-network-inspect.json' | 'local-kv.db' | 'networks.json' | 'rules';

export interface KnownOfEngine {
  readonly state: HostState;
  readonly log: EngineLog;
  readonly portOrder: PortOrder;
}

/** The most trusted source that is there. */
export function intentFromFacts(
  facts: Facts,
  known: KnownOfEngine,
): (Parsed<Intent> & { readonly source: IntentSource; readonly guessed?: readonly string[] }) | undefined {
  const inspected = reportedIntent(facts, known);
  if (inspected !== undefined) return { ...inspected, source: 'docker-network-inspect.json' };
  const stored = storedIntent(facts, known);
  if (stored !== undefined) return { ...stored, source: 'local-kv.db' };
  const declared = declaredIntent(facts, known);
  return declared === undefined ? undefined : { ...declared, source: 'networks.json' };
}

/** What the running engine says. */
function reportedIntent(facts: Facts, { state, log, portOrder }: KnownOfEngine): Parsed<Intent> | undefined {
  const networks = readJson(facts, 'docker-network-inspect.json');
  if (networks?.value === undefined) return undefined;
  const containers = readJson(facts, 'docker-container-inspect.json');
  const read = intentFromInspect({
    networks: { json: networks.value, file: 'docker-network-inspect.json' },
    ...(containers?.value === undefined
      ? {}
      : { containers: { json: containers.value, file: 'docker-container-inspect.json' } }),
    portOrder,
    evidence: evidenceOf(state, log),
  });
  return {
    value: read.value,
    problems: [...networks.problems, ...(containers?.problems ?? []), ...read.problems],
  };
}

/** What local-kv.db says; undefined where there is none that could be read, or one without networks. */
export function storedIntent(
  facts: Facts,
  { state, log }: Pick<KnownOfEngine, 'state' | 'log'>,
): Parsed<Intent> | undefined {
  const bytes = facts.files.get('local-kv.db');
  const reading = bytes === undefined ? undefined : readBolt(bytes);
  if (reading?.kind !== 'bolt') return undefined;
  const { records } = storeRecords(reading.file.root);
  const intent = intentFromStore({ records, file: 'local-kv.db', evidence: evidenceOf(state, log) });
  if (intent.value.networks.length === 0) return undefined;
  const damaged = { file: 'local-kv.db', message: 'damaged, records may be missing' };
  return { value: intent.value, problems: [...(reading.file.lost ? [damaged] : []), ...intent.problems] };
}

/** What somebody says should be there, in the shape of `docker network inspect`; undefined where nobody does. */
export function declaredIntent(
  facts: Facts,
  { state, log, portOrder }: KnownOfEngine,
): Parsed<Intent> | undefined {
  const networks = readJson(facts, 'networks.json');
  if (networks?.value === undefined) return undefined;
  const read = intentFromInspect({
    networks: { json: networks.value, file: 'networks.json' },
    portOrder,
    evidence: evidenceOf(state, log),
  });
  return { value: read.value, problems: [...networks.problems, ...read.problems] };
}

function evidenceOf(state: HostState, log: EngineLog): Evidence {
  const engineStarted = log.starts.at(-1);
  return {
    linkIndexes: linkIndexes(state),
    ...(state.proxies === undefined ? {} : { proxies: state.proxies }),
    ...(engineStarted === undefined ? {} : { engineStarted }),
    restored: log.restored,
  };
}

function readJson(facts: Facts, file: string): Parsed<unknown> | undefined {
  const content = text(facts, file);
  return content === undefined ? undefined : parseJson(content, file);
}

/** The host's end of each container's veth, by the container's address. */
function linkIndexes(state: HostState): ReadonlyMap<string, number> {
  const indexes = new Map<string, number>();
  for (const namespace of state.namespaces) {
    if (namespace.kind !== 'container') continue;
    for (const link of namespace.links) {
      if (link.kind !== 'veth' || link.peer === undefined) continue;
      for (const { prefix } of link.addresses) indexes.set(formatAddr(prefix.addr), link.peer.index);
    }
  }
  return indexes;
}
