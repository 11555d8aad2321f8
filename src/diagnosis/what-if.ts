/**
 * What if: changes that somebody wants to try, in words, made in memory. In: a host, what is expected of it, and changes: command lines
 * (`iptables ...`, `ip ...`, `sysctl ...`) and options of the engine (`daemon.json KEY=VALUE`). Out: the host as it would be, or which
 * change cannot be tried and why. What an option does comes from a whole second plan; rules that are missing stay missing.
 */
import { stopProxies } from '../drift/proxies.ts';
import { parseCommand } from '../firewall/command.ts';
import { runCommand } from '../firewall/machine.ts';
import { splitWords } from '../firewall/words.ts';
import { applyChanges, type StateChange } from '../host/change.ts';
import { type NoChange, parseHostCommand } from '../host/change-command.ts';
import { type Facts, text } from '../host/facts.ts';
import type { HostState, Namespace } from '../host/state.ts';
import { optionNames } from '../options/table.ts';
import { configurationFromFacts } from '../plan/configuration-from-facts.ts';
import { differenceOfPlans } from '../plan/difference.ts';
import type { CannotExpect, Expected } from '../plan/expected.ts';
import { withValue } from '../plan/explain.ts';
import { restarted } from './option-flips.ts';
import { planDifference } from './settings.ts';

export interface WhatIfInput {
  readonly facts: Facts;
  readonly state: HostState;
  readonly expected: Expected | CannotExpect;
}

export interface WhatIf {
  readonly state: HostState;
  readonly tried: readonly Tried[];
}

export interface Tried {
  /** As it was given. */
  readonly change: string;
  /** How the engine takes an option up; absent for commands, which hold at once. */
  readonly transition?: 'restart' | 'live-restore';
  /** It changes nothing on this host that a walk could meet. */
  readonly changesNothing?: true;
}

/** Makes the changes in their order; options of the engine together, where the first of them stands. */
export function whatIf(input: WhatIfInput, given: readonly string[]): WhatIf | NoChange {
  const options = given.filter(isOption);
  let { state } = input;
  const tried: Tried[] = [];
  for (const change of given) {
    if (isOption(change) && change !== options[0]) continue;
    const made = isOption(change)
      ? optionChanges({ ...input, state }, options)
      : commandChange(state, change);
    if ('error' in made) return { error: `${isOption(change) ? options.join(', ') : change}: ${made.error}` };
    state = applyChanges(state, made.changes);
    const how = made.transition === undefined ? {} : { transition: made.transition };
    const none = made.changes.length === 0 ? { changesNothing: true as const } : {};
    for (const one of isOption(change) ? options : [change]) tried.push({ change: one, ...how, ...none });
  }
  return { state, tried };
}

interface Made {
  readonly changes: readonly StateChange[];
  readonly transition?: 'restart' | 'live-restore';
}

const optionStart = 'daemon.json ';

function isOption(change: string): boolean {
  return change.startsWith(optionStart);
}

function commandChange(state: HostState, change: string): Made | NoChange {
  const host = state.namespaces.find(({ kind }) => kind === 'host');
  if (host === undefined) return { error: 'the host itself is not in the facts' };
  const words = splitWords(change);
  if (words === undefined) return { error: 'a quote is not closed' };
  const made = /(^|\/)ip6?tables(-nft|-legacy)?$/.test(words[0] ?? '')
    ? ruleChange(host, words)
    : parseHostCommand(words, host);
  return 'error' in made ? made : { changes: made };
}

function ruleChange(host: Namespace, words: readonly string[]): readonly StateChange[] | NoChange {
  const backend = host.firewall.tables[0]?.backend ?? 'iptables-nft';
  const parsed = parseCommand(words, { backend, family: 'ipv4' });
  if ('error' in parsed) return { error: parsed.error };
  const { command, ...key } = parsed;
  const done = runCommand(host.firewall, key, command);
  if (!done.ok) return { error: done.error.message };
  return [{ namespace: host.name, kind: 'ruleset', from: host.firewall, to: done.ruleset }];
}

/** The configuration with these values, and what the engine makes of the host when it takes them up. */
function optionChanges(input: WhatIfInput, given: readonly string[]): Made | NoChange {
  const { facts, state } = input;
  const host = state.namespaces.find(({ kind }) => kind === 'host');
  const { expected } = input;
  if ('cannot' in expected) return { error: expected.cannot };
  let file = text(facts, 'daemon.json');
  for (const change of given) {
    const [, key, value] = /^([\w-]+)=(.*)$/.exec(change.slice(optionStart.length)) ?? [];
    const option = optionNames.find((name) => name === key);
    if (option === undefined || value === undefined)
      return { error: key === undefined ? 'needs KEY=VALUE' : `${key} is no option that is known here` };
    file = withValue(file, option, givenValue(value));
  }
  const files = new Map([...facts.files, ['daemon.json', new TextEncoder().encode(file ?? '{}')] as const]);
  const { options, errors } = configurationFromFacts({ ...facts, files }, expected.options.engine).value;
  const [refusal] = errors;
  if (refusal !== undefined) return { error: `dockerd refuses to start: ${refusal.message}` };
  const { plan, transition } = restarted(expected, options);
  const { added, removed } = differenceOfPlans(expected.plan, plan);
  // Where bridges or addresses change, containers are connected anew.
  const moved = [...removed, ...added].find(({ kind }) => kind === 'link' || kind === 'route');
  if (moved !== undefined || host === undefined)
    return {
      error: `bridges or addresses would change (${moved?.text ?? ''}), which cannot be tried on this host`,
    };
  const stopped = expected.plan.proxies.filter(
    (proxy) =>
      !plan.proxies.some(
        (other) =>
          other.hostPort === proxy.hostPort &&
          other.hostAddress === proxy.hostAddress &&
          other.protocol === proxy.protocol,
      ),
  );
  return {
    changes: [...planDifference(state, expected.plan, plan), ...stopProxies(host, stopped)],
    transition,
  };
}

/** A JSON value; what is none is a text. */
function givenValue(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}
