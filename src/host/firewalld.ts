/**
 * firewalld as its own rules show it: whether it runs, and which interface is in which zone. It leaves no rules when it stops.
 * In: the firewall of the host's namespace. Out: the members of zones; undefined where nothing of firewalld is there.
 * Its layouts changed with 1.0, 2.0 and 2.3; in all, packets for the host go to a chain of the zone of the interface that they came by.
 */
import type { NftTable } from '../firewall/nft/model.ts';
import { ownerOfNftTable } from '../firewall/owners.ts';
import { findChain, type Table } from '../firewall/ruleset.ts';
import type { Namespace } from './state.ts';

/** Interface to zone. Interfaces of the default zone are not named by rules. */
export type FirewalldMembers = ReadonlyMap<string, string>;

export function firewalldMembers({ firewall, nft }: Namespace): FirewalldMembers | undefined {
  const native = nft?.tables.find(({ name }) => ownerOfNftTable(name)?.owner === 'firewalld');
  if (native !== undefined) return nativeMembers(native);
  const filter = firewall.tables.find(
    (table) => table.name === 'filter' && findChain(table, 'INPUT_ZONES') !== undefined,
  );
  return filter === undefined ? undefined : iptablesMembers(filter);
}

/** `iifname "docker0" goto filter_IN_docker`, since 2.3 `jump filter_IN_docker_to_HOST`. */
function nativeMembers({ chains }: NftTable): FirewalldMembers {
  const members = new Map<string, string>();
  for (const { statements } of chains.flatMap(({ rules }) => rules)) {
    const [device, ...rest] = statements;
    if (device?.kind !== 'match' || device.left.kind !== 'meta' || device.left.key !== 'iifname') continue;
    if (device.operator !== '==' || device.right.kind !== 'literal') continue;
    const verdict = rest.find((statement) => statement.kind === 'verdict')?.verdict;
    const zone = verdict !== undefined && 'chain' in verdict ? firewalldZone(verdict.chain) : undefined;
    if (zone !== undefined) members.set(String(device.right.value), zone);
  }
  return members;
}

/** The zone of whose packets for the host a native chain decides. */
export function firewalldZone(chain: string): string | undefined {
  return /^filter_IN_(?!policy_)(.+?)(?:_to_HOST)?$/.exec(chain)?.[1];
}

function iptablesMembers(filter: Table): FirewalldMembers {
  const rules = findChain(filter, 'INPUT_ZONES')?.rules ?? [];
  return new Map(
    rules.flatMap(({ inInterface, target }) => {
      const zone = /^IN_(.+)$/.exec(target?.name ?? '')?.[1];
      return inInterface === undefined || inInterface.not || zone === undefined
        ? []
        : [[inInterface.value, zone] as const];
    }),
  );
}
