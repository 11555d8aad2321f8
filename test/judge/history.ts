/**
 * Judges history: the rules that a daemon left when it stopped, and those that it had after it was restarted with other options,
 * against what a transition makes of the state before. In: facts of a capture. Out: verdicts, none where the capture shows no history.
 */
import type { Ruleset } from '../../src/firewall/ruleset.ts';
import { parseSave } from '../../src/firewall/save.ts';
import { type Facts, text } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { isDefaultBridge } from '../../src/intent/intent.ts';
import { nextAddress } from '../../src/intent/ipam.ts';
import type { Addr } from '../../src/net/addr.ts';
import type { Options } from '../../src/options/options.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { defaultNetwork } from '../../src/plan/bridge/default-network.ts';
import { type Expected, expectedFromFacts } from '../../src/plan/expected.ts';
import { type EngineState, rulesAfterStop, transition } from '../../src/plan/transition.ts';
import { scenarioOf } from './capture.ts';
import { firstDifferences, linesOf } from './rules.ts';

export interface HistoryVerdict {
  readonly what: 'stop' | 'restart';
  readonly agree: boolean;
  readonly differences: readonly string[];
}

/** Of captures in which nothing was broken: what was broken by hand, no engine puts back in the same way. */
export function judgeHistory(facts: Facts): readonly HistoryVerdict[] {
  if (scenarioOf(facts).kind !== 'config') return [];
  const { state } = hostStateFromFacts(facts);
  const expected = expectedFromFacts(facts, { state });
  const observed = state.namespaces.find(({ kind }) => kind === 'host')?.firewall;
  // Native tables are flushed at every start: what a stop leaves in them does not matter, and is not planned.
  if ('cannot' in expected || expected.generation === 'N1' || observed === undefined) return [];
  return [...judgeStop(facts, expected, observed), ...judgeRestart(facts, expected, observed)];
}

function judgeStop(facts: Facts, { held }: Expected, observed: Ruleset): readonly HistoryVerdict[] {
  const after = text(facts, 'oracle/iptables-save.after-stop.txt');
  if (after === undefined) return [];
  const keeps = held.options.settings['live-restore'].value;
  const planned = keeps ? observed : rulesAfterStop({ ...held, ruleset: observed });
  return [verdict('stop', planned, rulesOf(after))];
}

/** The state before is what the capture printed before the restart: its rules, and the same containers under the first options. */
function judgeRestart(facts: Facts, expected: Expected, observed: Ruleset): readonly HistoryVerdict[] {
  const steps = text(facts, 'oracle/steps.txt') ?? '';
  const second = /^restart with (\{.*\})$/m.exec(steps)?.[1];
  const before = /^iptables-save before restart:\n([\s\S]*?)\n\niptables-save while down:$/m.exec(steps)?.[1];
  if (second === undefined || before === undefined) return [];
  const { engine } = expected.options;
  const options = (file: string): Options =>
    resolveOptions({ engine, file: { path: 'daemon.json', text: file } }).options;
  const first = options(JSON.stringify(scenarioOf(facts).setup?.daemon ?? {}));
  const { generation, held } = expected;
  const earlier: EngineState = {
    ...held,
    options: first,
    intent: firstIntent(expected, first, steps),
    ruleset: rulesOf(before),
    forwarding: { ipv4: true, ipv6: true },
  };
  const how = first.settings['live-restore'].value ? 'live-restore' : 'restart';
  // In which order containers come back, and so with which addresses, is chance: that is taken from the capture.
  const { plan } = transition(earlier, { options: options(second), generation }, how, expected.intent);
  return [verdict('restart', plan.ruleset, observed)];
}

/** The same networks and containers before the restart: the default network as a first start makes it, addresses in the order of `docker run`. */
function firstIntent({ intent, generation }: Expected, options: Options, steps: string): Expected['intent'] {
  const made = defaultNetwork(options, generation);
  const place = (name: string) => steps.indexOf(`docker run -d --name ${name} `);
  const taken = new Map<string, Addr[]>();
  const networks = intent.networks.map((network) =>
    isDefaultBridge(network) && made.kind === 'network'
      ? { ...made.network, id: network.id }
      : { ...network, restored: false },
  );
  const address = (id: string) => {
    const addresses = (networks.find((network) => network.id === id)?.ipam ?? []).flatMap(
      (config) => nextAddress(config, taken.get(id) ?? []) ?? [],
    );
    taken.set(id, [...(taken.get(id) ?? []), ...addresses.map(({ addr }) => addr)]);
    return addresses;
  };
  const sandboxes = intent.sandboxes
    .toSorted((a, b) => place(a.name) - place(b.name))
    .map((sandbox) => ({
      ...sandbox,
      restored: false,
      endpoints: sandbox.endpoints.map((e) => ({ ...e, addresses: address(e.network) })),
    }));
  return { networks, sandboxes };
}

function rulesOf(save: string): Ruleset {
  return { tables: parseSave(save, { backend: 'iptables-nft', family: 'ipv4', file: 'oracle' }).tables };
}

function verdict(what: HistoryVerdict['what'], planned: Ruleset, seen: Ruleset): HistoryVerdict {
  const differences = firstDifferences(linesOf(planned, 'ipv4'), linesOf(seen, 'ipv4'));
  return { what, agree: differences.length === 0, differences };
}
