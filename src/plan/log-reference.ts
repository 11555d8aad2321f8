/**
 * What an engine of one version does with each kind of rule, by the rule's shape: which setting decides it, and whether a check of it is
 * followed by an addition. In: an engine version. Out: answers for rules of any host. It is worked out from plans of a sample host, one
 * with the defaults and one for each switch turned over; nothing is written per rule.
 */
import type { TableKey } from '../firewall/machine.ts';
import type { Operation } from '../firewall/operation.ts';
import type { Rule, Ruleset } from '../firewall/ruleset.ts';
import type { Intent, Network, Sandbox } from '../intent/intent.ts';
import { parseAddr } from '../net/addr.ts';
import { maskPrefix, parsePrefix } from '../net/prefix.ts';
import type { Reason } from '../net/reason.ts';
import type { OptionName, Options } from '../options/options.ts';
import { resolveOptions } from '../options/resolve.ts';
import { optionNames } from '../options/table.ts';
import type { AfterCheck } from '../replay/run.ts';
import { shapesOf } from '../replay/shape.ts';
import { labels } from './bridge/choices.ts';
import { planBridge } from './bridge/plan.ts';
import { generationFor } from './generation.ts';
import { type NativeLine, nativeLinesOfPlan, nativeShape } from './log-native.ts';
import type { Generation, Plan } from './plan.ts';
import { sampleIntent } from './sample.ts';

/** A switch, and the rules by which one can see how it is set: shapes that only one of its positions makes. */
export interface Switch {
  readonly option: OptionName;
  readonly default: boolean;
  readonly onlyByDefault: ReadonlySet<string>;
  readonly onlyTurned: ReadonlySet<string>;
}

export interface LogReference {
  readonly engine: string;
  readonly generation: Generation;
  readonly afterCheck: AfterCheck;
  /** Why an engine makes a rule like this; undefined for rules that none of its settings makes. */
  readonly reasonOf: (key: TableKey, chain: string, rule: Rule) => Reason | undefined;
  /** The same for a line of native nftables. */
  readonly nativeReasonOf: (line: NativeLine) => Reason | undefined;
  /** Those that show in fewer rules first: they say more. */
  readonly switches: readonly Switch[];
}

/** Undefined for versions that have no plan. `native`: the engine makes its rules with nftables. */
export function logReference(engine: string, native = false): LogReference | undefined {
  const backend = native ? { 'firewall-backend': 'nftables' } : {};
  const plain = optionsWith(engine, backend);
  const generation = generationFor(plain);
  if (generation === undefined) return undefined;
  const booleans = optionNames.filter((name) => typeof plain.settings[name].value === 'boolean');
  const turned = booleans.map((option) => ({
    option,
    options: optionsWith(engine, { ...backend, [option]: plain.settings[option].value !== true }),
  }));
  const usualPlan = samplePlan(plain, generation);
  const turnedPlans = turned.flatMap(({ options }) => samplePlan(options, generation) ?? []);
  const usual = usualPlan?.operations ?? [];
  const turnedOver = turnedPlans.flatMap(({ operations }) => operations);
  const nativeReasons = new Map(
    [...turnedPlans.toReversed(), ...(usualPlan === undefined ? [] : [usualPlan])].flatMap(({ nft }) =>
      nativeLinesOfPlan(nft.tables).map((line) => [nativeShape(line), line.reason] as const),
    ),
  );
  const added = firstOf(usual, isAddition);
  const removed = firstOf(usual, ({ command }) => command.op === 'delete');
  const addedOtherwise = firstOf(turnedOver, isAddition);
  return {
    engine,
    generation,
    afterCheck: (key, { chain, rule }) => {
      for (const shape of shapesOf(key, chain, rule)) {
        if (added.has(shape)) return howOf(added.get(shape));
        if (removed.has(shape)) return undefined;
        if (addedOtherwise.has(shape)) return howOf(addedOtherwise.get(shape));
      }
      return undefined;
    },
    reasonOf: (key, chain, rule) => {
      // Both families have the same rules, and the sample's networks have IPv4 alone.
      const shapes = [...shapesOf(key, chain, rule), ...shapesOf({ ...key, family: 'ipv4' }, chain, rule)];
      const found = shapes.find((shape) => added.has(shape) || addedOtherwise.has(shape)) ?? '';
      return (added.get(found) ?? addedOtherwise.get(found))?.reason;
    },
    nativeReasonOf: (line) => nativeReasons.get(nativeShape(line)),
    switches: turned
      .flatMap(({ option, options }) => switchOf(option, plain, options, generation))
      .toSorted((a, b) => shownIn(a) - shownIn(b)),
  };
}

function optionsWith(engine: string, settings: Readonly<Record<string, boolean | string>>): Options {
  return resolveOptions({ engine, file: { path: 'daemon.json', text: JSON.stringify(settings) } }).options;
}

/** The plan of a host with the default network, two others and a container on each of the first two. */
function samplePlan(options: Options, generation: Generation): Plan | undefined {
  const intent = sampleIntent(options, generation);
  return typeof intent === 'string' ? undefined : planOf(options, generation, withNetworks(intent));
}

function planOf(options: Options, generation: Generation, intent: Intent): Plan {
  return planBridge({ options, intent, generation, backend: 'iptables-nft' });
}

/** A second container, which also publishes a port on a loopback address, has its own rules since 28. */
function withNetworks(intent: Intent): Intent {
  const [web] = intent.sandboxes;
  const [user, other] = ['172.30.0.1/16', '172.31.0.1/16'].flatMap(userNetwork);
  const address = parsePrefix('172.30.0.2/16');
  const loopback = parseAddr('127.0.0.1');
  if (!web || !user || !other || !address || !loopback) return intent;
  const app: Sandbox = {
    ...web,
    id: 'app',
    name: 'app',
    endpoints: [
      {
        network: user.id,
        id: 'app',
        addresses: [address],
        ports: [
          { protocol: 'tcp', containerPort: 80, hostPort: 8081 },
          { protocol: 'tcp', containerPort: 80, hostPort: 8082, hostAddress: loopback },
        ],
      },
    ],
  };
  return { networks: [...intent.networks, user, other], sandboxes: [...intent.sandboxes, app] };
}

function userNetwork(text: string, index: number): readonly Network[] {
  const gateway = parsePrefix(text);
  if (gateway === undefined) return [];
  const id = `${index}`.repeat(12);
  return [
    {
      id,
      name: `user${index}`,
      driver: 'bridge',
      internal: false,
      ipv4: true,
      ipv6: false,
      options: { [labels.bridgeName]: `br-${id}` },
      ipam: [{ subnet: maskPrefix(gateway), gateway: gateway.addr }],
    },
  ];
}

function isAddition({ command }: Operation): boolean {
  return command.op === 'append' || command.op === 'insert';
}

function howOf(operation: Operation | undefined): 'insert' | 'append' {
  return operation?.command.op === 'insert' ? 'insert' : 'append';
}

/** The first operation on a rule of each shape, closer and wider, among those that are asked for. */
function firstOf(
  operations: readonly Operation[],
  isAsked: (operation: Operation) => boolean,
): ReadonlyMap<string, Operation> {
  const found = new Map<string, Operation>();
  for (const operation of operations) {
    const { command } = operation;
    if (!('rule' in command) || !isAsked(operation)) continue;
    for (const shape of shapesOf(operation, command.chain, command.rule))
      if (!found.has(shape)) found.set(shape, operation);
  }
  return found;
}

function shownIn({ onlyByDefault, onlyTurned }: Switch): number {
  return onlyByDefault.size + onlyTurned.size;
}

/** How a switch shows in the rules of the default network; nothing for switches that do not. */
function switchOf(
  option: OptionName,
  plain: Options,
  turned: Options,
  generation: Generation,
): readonly Switch[] {
  const [usual, other] = [plain, turned].map((options) => networkShapes(options, generation));
  if (usual === undefined || other === undefined) return [];
  const onlyByDefault = new Set([...usual].filter((shape) => !other.has(shape)));
  const onlyTurned = new Set([...other].filter((shape) => !usual.has(shape)));
  if (onlyByDefault.size + onlyTurned.size === 0) return [];
  return [{ option, default: plain.settings[option].value === true, onlyByDefault, onlyTurned }];
}

/** Shapes of the rules of a host without containers. */
function networkShapes(options: Options, generation: Generation): ReadonlySet<string> {
  const intent = sampleIntent(options, generation);
  if (typeof intent === 'string') return new Set();
  const { ruleset, nft } = planOf(options, generation, { ...intent, sandboxes: [] });
  return ipv4Shapes(ruleset, nativeLinesOfPlan(nft.tables));
}

/** The closer shapes of all IPv4 rules, of iptables and native ones. */
export function ipv4Shapes({ tables }: Ruleset, native: readonly NativeLine[]): ReadonlySet<string> {
  return new Set([
    ...tables
      .filter(({ family }) => family === 'ipv4')
      .flatMap(({ family, name: table, chains }) =>
        chains.flatMap(({ name, rules }) => rules.map((rule) => shapesOf({ family, table }, name, rule)[0])),
      ),
    ...native.filter(({ table }) => table.startsWith('ip ')).map(nativeShape),
  ]);
}
