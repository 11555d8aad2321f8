/**
 * Settings of an engine that its rules give away, where no configuration is there: a rule that an engine makes only if the setting is
 * turned. In: options at their defaults and the rules. Out: options. What is missing gives nothing away: somebody may have removed it.
 */
import type { Namespace } from '../host/state.ts';
import type { Origin } from '../net/reason.ts';
import { withSetting } from '../options/implied.ts';
import type { OptionName, Options } from '../options/options.ts';
import { shapesOf } from '../replay/shape.ts';
import { isDockerNftTable } from './docker-rules.ts';
import { keptByNetwork } from './in-force.ts';
import { nativeLinesOfPlan, nativeShape } from './log-native.ts';
import { logReference, type Switch } from './log-reference.ts';

/** The options with each switch turned that a rule shows turned; its origin is the rule's line. */
export function withSettingsSeen(options: Options, { firewall, nft }: Namespace): Options {
  const own = nft?.tables.filter(({ name }) => isDockerNftTable(name)) ?? [];
  const switches = logReference(options.engine, own.length > 0)?.switches ?? [];
  const lines = new Map<string, Origin>();
  for (const { family, name: table, chains } of firewall.tables)
    for (const { name, rules } of family === 'ipv4' ? chains : [])
      for (const rule of rules) {
        const { file, line = 1 } = rule.at ?? { file: 'iptables-save.txt' };
        lines.set(shapesOf({ family, table }, name, rule)[0], { kind: 'file', path: file, line, column: 1 });
      }
  const at = own[0]?.at?.file ?? 'nft-ruleset.json';
  for (const line of nativeLinesOfPlan(own))
    lines.set(nativeShape(line), { kind: 'file', path: at, line: 1, column: 1 });
  const ipv6 = firewall.tables.find(
    ({ family, chains }) => family === 'ipv6' && chains.some(({ name }) => name === 'DOCKER'),
  );
  const backed =
    own.length === 0
      ? options
      : withSetting(options, 'firewall-backend', 'nftables', { kind: 'file', path: at, line: 1, column: 1 });
  const known = ipv6 === undefined || options.settings.ip6tables.value ? backed : withIpv6(backed);
  return switches.filter(isEngineWide).reduce((changed, { option, default: usual, onlyTurned }) => {
    const origin = [...onlyTurned].flatMap((shape) => lines.get(shape) ?? [])[0];
    return origin === undefined || !isSwitch(option, options)
      ? changed
      : withSetting(changed, option, !usual, origin);
  }, known);
}

/** Before 27 the engine makes IPv6 rules only if asked for, and until then it takes experimental. */
function withIpv6(options: Options): Options {
  const origin: Origin = { kind: 'file', path: 'ip6tables-save.txt', line: 1, column: 1 };
  return withSetting(withSetting(options, 'experimental', true, origin), 'ip6tables', true, origin);
}

/** What the default network keeps under a label is read there. */
function isEngineWide({ option }: Switch): boolean {
  return !keptByNetwork.some((kept) => kept.option === option);
}

type SwitchName = {
  [K in OptionName]: Options['settings'][K]['value'] extends boolean ? K : never;
}[OptionName];

function isSwitch(option: OptionName, { settings }: Options): option is SwitchName {
  return typeof settings[option].value === 'boolean';
}
