/**
 * Words that the texts of causes share, in English: settings and their origins, rules, lists, what leaves unmasked. In: a story.
 * Out: parts of sentences.
 */
import type { Origin } from '../../net/reason.ts';
import type { Story } from '../story.ts';
import { solid } from './layout.ts';

/** Where a value was set, in words. */
export function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default';
    case 'file':
      return `${origin.path}, line ${origin.line}`;
    case 'flag':
      return `dockerd's flag ${origin.flag}`;
    case 'env':
      return `environment variable ${origin.name}`;
    case 'implied':
      return `follows from ${origin.by}: ${originText(origin.origin)}`;
    case 'network':
      return `network ${origin.network}`;
    case 'container':
      return `container ${origin.container}`;
  }
}

/** `a`, `a and b`, `a, b and c`; of many the first three. */
export function list(items: readonly string[]): string {
  if (items.length > 4) return `${items.slice(0, 3).join(', ')} and ${items.length - 3} more`;
  const last = items.at(-1) ?? '';
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} and ${last}`;
}

/** `ip-masq is false (daemon.json, line 2)`. */
export function setting(s: Story): string {
  const name = s.param('setting');
  const origin = s.because === undefined ? '' : ` (${originText(s.because.origin)})`;
  return `${name} is ${s.param('value')}${origin}`;
}

/** The packet leaves with an address that the outside cannot answer; empty where it did not get that far. */
export function leavesUnmasked(s: Story, why: string): string {
  const { exit } = s;
  if (exit === undefined) return '';
  const one = exit.sources.length === 1;
  const subject = one ? 'The packet leaves' : 'Packets leave';
  return (
    `${subject} through the uplink (${exit.dev}) as ${list(exit.sources)}, because ${why}; ` +
    `the outside has no way back to ${one ? 'that address' : 'those addresses'}. `
  );
}

export function noMasquerade(s: Story): string {
  const subnets = list(s.masquerade.subnets);
  const without = subnets === '' ? '' : `There is no rule for ${subnets} in nat/POSTROUTING. `;
  return leavesUnmasked(s, `nat/POSTROUTING has no rule for ${subnets}`) || without;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function rules(lines: readonly string[]): string {
  return list(lines.map(solid));
}

/** `rule 1 of filter/INPUT`, or its policy. */
export function ruleOf(s: Story): string {
  const chain = `${s.param('table')}/${s.param('chain')}`;
  const position = s.param('position');
  return position === '0' ? `the policy of ${chain}` : `rule ${position} of ${chain}`;
}

export function ruleText(s: Story): string {
  return solid(s.param('rule'));
}

/** Chains without the name of their table. */
export function chainsOf(s: Story): string {
  const table = `${s.param('table')} `;
  return list(
    s
      .param('chain')
      .split(', ')
      .map((name) => (name.startsWith(table) ? name.slice(table.length) : name)),
  );
}

/** Who asked for it: the daemon's setting, an option of a network, or a container's own request. */
export function askedBy(s: Story): string {
  const origin = s.because?.origin;
  if (origin?.kind === 'container')
    return `container ${origin.container} was started with ${solid(`-p ${s.param('value')}`)}`;
  const network = s.param('network');
  return network === ''
    ? setting(s)
    : `network ${network} was made with ${solid(`${s.param('setting')}=${s.param('value')}`)}`;
}

export const noStart = (s: Story) => `dockerd did not start: ${s.param('reason')}`;
export const restriction = 'This was asked for.';
