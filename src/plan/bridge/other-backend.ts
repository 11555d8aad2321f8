/**
 * What an engine of 29 takes away of its other firewall backend when it starts, after the backend was changed.
 * In: a Script and what an earlier run left. Out: steps of iptables, or transactions of nftables; none where nothing was left.
 * Source: moby 29.7.2, drivers/bridge/bridge_linux.go (newFirewaller), internal/iptabler/cleaner.go, internal/nftabler/cleaner.go.
 */
import { findNftTable, type NftRuleset, nftFamilies } from '../../firewall/nft/model.ts';
import type { NftTransaction } from '../../firewall/nft/operation.ts';
import { builtinChains, findChain, findTable, type Ruleset } from '../../firewall/ruleset.ts';
import type { Family } from '../../net/addr.ts';
import { removeChains } from './chains.ts';
import { withoutOldForwarding } from './g9.ts';
import { g10Layout, oldChains } from './g10.ts';
import { stage1 } from './isolation.ts';
import { nativeTable, onTable } from './n1-table.ts';
import {
  because,
  becauseTables,
  restoredEndpoints,
  restoredNetworks,
  type Script,
  usedFamilies,
} from './script.ts';
import { courseSince28 } from './since-28.ts';
import { type FamilyStep, inFamily, reason, remove, withdraw } from './steps.ts';

/** Chains at once, rules in built-in ones with the networks and containers that come back from the store. DOCKER-USER stays. */
export function withoutIptables(script: Script, left: Ruleset): readonly FamilyStep[] {
  const families = usedFamilies(script).filter((family) => hasForwardJump(left, family));
  // The default network comes back too, before a restart deletes it.
  const deleted = script.deleted === undefined ? [] : [{ ...script.deleted, restored: true }];
  const restored: Script = {
    ...script,
    deleted: undefined,
    networks: [...deleted, ...restoredNetworks(script)].filter(({ internal }) => !internal.value),
    endpoints: restoredEndpoints(script),
  };
  return [
    ...families.flatMap((family) =>
      inFamily(family, [
        remove(why(script, family), '-t', 'filter', '-D', 'FORWARD', '-j', 'DOCKER-FORWARD'),
        ...withoutOldForwarding(script, family),
        ...removeChains(script, family, oldChains),
      ]),
    ),
    ...withdraw(
      whatFor,
      courseSince28(restored, g10Layout).start.filter(
        (step) => families.includes(step.family) && isInBuiltin(step),
      ),
    ),
  ];
}

/** All of its tables at once. */
export function withoutNftables(script: Script, left: NftRuleset): readonly NftTransaction[] {
  return usedFamilies(script)
    .filter((family) => findNftTable(left, { family: nftFamilies[family], name: nativeTable }) !== undefined)
    .map((family) => onTable(family, [{ op: 'delete', kind: 'table', reason: why(script, family) }]));
}

const whatFor = 'remove what the other firewall backend made';

function why(script: Script, family: Family) {
  return reason(whatFor, because(script, 'firewall-backend'), becauseTables(script, family));
}

/** By this the engine sees that it had iptables before; 28.0.0 and older had the second jump. */
function hasForwardJump(left: Ruleset, family: Family): boolean {
  const filter = findTable(left, { family, table: 'filter' });
  const forward = filter === undefined ? undefined : findChain(filter, 'FORWARD');
  return (
    forward?.rules.some(({ target }) => target?.name === 'DOCKER-FORWARD' || target?.name === stage1) === true
  );
}

const builtin: ReadonlySet<string | undefined> = new Set(Object.values(builtinChains).flat());

/** Rules in other chains are gone with those. */
function isInBuiltin({ args }: FamilyStep): boolean {
  const at = args.findIndex((word) => word === '-A' || word === '-I');
  return builtin.has(args[at + 1]);
}
