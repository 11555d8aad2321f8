/**
 * What if: changes that somebody wants to try, in words, made in memory. In: a host, what is expected of it, and changes: command lines
 * (`iptables ...`, `ip ...`, `sysctl ...`) and options of the engine (`daemon.json KEY=VALUE`). Out: the host as it would be, or which
 * change cannot be tried and why. What an option does comes from a whole second plan; rules that are missing stay missing.
 */
import { startProxies, stopProxies } from '../drift/proxies.ts';
import { parseCommand } from '../firewall/command.ts';
import { runCommand } from '../firewall/machine.ts';
import { changeNft } from '../firewall/nft/change-text.ts';
import { splitWords } from '../firewall/words.ts';
import { applyChanges, type StateChange } from '../host/change.ts';
import { type NoChange, parseHostCommand } from '../host/change-command.ts';
import { type Facts, text } from '../host/facts.ts';
import { changePolicyRules } from '../host/rule-command.ts';
import type { HostState, Namespace } from '../host/state.ts';
import { optionNames } from '../options/table.ts';
import { configurationFromFacts } from '../plan/configuration-from-facts.ts';
import type { CannotExpect, Expected } from '../plan/expected.ts';
import { withValue } from '../plan/explain.ts';
import type { PlannedProxy } from '../plan/plan.ts';
import { isMadeAnew, madeAnew } from './rebuilt.ts';
import { restarted } from './sources/option-flips.ts';
import { planDifference } from './sources/settings.ts';

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
    const how = made.transition === undefined ? {} : { transition: made.transition };
    const none = made.state === state ? { changesNothing: true as const } : {};
    state = made.state;
    for (const one of isOption(change) ? options : [change]) tried.push({ change: one, ...how, ...none });
  }
  return { state, tried };
}

interface Made {
  readonly state: HostState;
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
  const [program = '', ...args] = words;
  if (/(^|\/)nft$/.test(program)) return nativeChange(state, host, args);
  if (program === 'ip' && /^(?:-[46] )?ru(?:le?)? /.test(args.join(' ')))
    return policyChange(state, host, args);
  const made = /(^|\/)ip6?tables(-nft|-legacy)?$/.test(program)
    ? ruleChange(host, words)
    : parseHostCommand(words, host);
  if ('error' in made) return made;
  return { state: made.length === 0 ? state : applyChanges(state, made) };
}

function withHost(state: HostState, host: Namespace, changed: Partial<Namespace>): Made {
  return {
    state: { ...state, namespaces: state.namespaces.map((ns) => (ns === host ? { ...ns, ...changed } : ns)) },
  };
}

/** Words with blanks in them were quoted. */
function nativeChange(state: HostState, host: Namespace, args: readonly string[]): Made | NoChange {
  if (host.nft === undefined) return { error: 'no nft listing is in the facts' };
  const text =
    args.length === 1
      ? (args[0] ?? '')
      : args.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' ');
  const nft = changeNft(host.nft, text);
  return 'error' in nft ? nft : withHost(state, host, { nft });
}

function policyChange(state: HostState, host: Namespace, args: readonly string[]): Made | NoChange {
  const family = args[0] === '-6' ? 'ipv6' : 'ipv4';
  const policyRules = changePolicyRules(args.slice(/^-[46]$/.test(args[0] ?? '') ? 2 : 1), host, family);
  return 'error' in policyRules ? policyRules : withHost(state, host, { policyRules });
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
  const { plan, intent, transition } = restarted(expected, options);
  const before = { intent: expected.intent, options: expected.options, plan: expected.plan };
  const after = { intent, options, plan };
  const anew = transition === 'restart' && isMadeAnew(before, after);
  const ground = anew ? madeAnew(state, before, after) : state;
  if ('error' in ground) return ground;
  const host = ground.namespaces.find(({ kind }) => kind === 'host');
  if (host === undefined) return { error: 'the host itself is not in the facts' };
  const stopped = expected.plan.proxies.filter(
    (proxy) => !plan.proxies.some((other) => isSameProxy(proxy, other)),
  );
  const started = plan.proxies.filter(
    (proxy) =>
      !expected.plan.proxies.some((other) => isSameProxy(proxy, other)) &&
      // Those on other host ports are in the difference of the plans.
      expected.plan.proxies.some(
        (other) => other.hostPort === proxy.hostPort && other.protocol === proxy.protocol,
      ),
  );
  const difference = planDifference(ground, expected.plan, plan).filter(
    // A bridge that was made anew has its addresses already.
    (change) => !anew || change.kind !== 'add-address',
  );
  const changes = [...stopProxies(host, stopped), ...difference, ...startProxies(host, started)];
  return { state: changes.length === 0 ? ground : applyChanges(ground, changes), transition };
}

function isSameProxy(a: PlannedProxy, b: PlannedProxy): boolean {
  return (
    a.hostPort === b.hostPort &&
    a.hostAddress === b.hostAddress &&
    a.protocol === b.protocol &&
    a.containerAddress === b.containerAddress
  );
}

/** A JSON value; what is none is a text. */
function givenValue(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}
