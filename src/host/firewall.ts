/**
 * One namespace's firewall, from its iptables-save listings (nft- and legacy-backed, both families) and its
 * native nftables listing. In: the texts with their file names. Out: a Ruleset, the native tables beyond it, and the
 * places where chains are of which nothing is known.
 */
import { listingJson } from '../firewall/nft/listing-text.ts';
import type { NftChain, NftFamily, NftRuleset, NftTable } from '../firewall/nft/model.ts';
import { parseNftJson } from '../firewall/nft/parse.ts';
import type { Backend, Ruleset, Table } from '../firewall/ruleset.ts';
import { parseSave } from '../firewall/save.ts';
import type { Family } from '../net/addr.ts';
import type { FactProblem, Parsed } from './facts.ts';
import type { UnmodelledHook } from './state.ts';

/** An iptables-save listing. Its own headers say the backend; `backend` is what to take it for without one. */
export interface SaveListing {
  readonly content: string;
  readonly file: string;
  readonly family: Family;
  readonly backend?: Backend;
}

/** `nft list ruleset`, as text or as the parsed JSON of `nft -j`. */
export type NftListing = { readonly file: string } & (
  | { readonly content: string }
  /** `text`: the same in nft's own language, for what the JSON leaves out. */
  | { readonly json: unknown; readonly text?: string }
);

export interface FirewallFacts {
  readonly firewall: Ruleset;
  readonly nft?: NftRuleset;
  readonly unmodelledHooks: readonly UnmodelledHook[];
}

/** `toolBackend` is the installed iptables' backend, for listings without a header (empty ones). */
export function parseFirewall(
  saves: readonly SaveListing[],
  nft: NftListing | undefined,
  toolBackend: Backend | undefined,
): Parsed<FirewallFacts> {
  const tables: Table[] = [];
  const problems: FactProblem[] = [];
  const hidden: UnmodelledHook[] = [];
  for (const save of saves) {
    const backend = save.backend ?? toolBackend ?? 'iptables-nft';
    const parsed = parseSave(save.content, { backend, family: save.family, file: save.file });
    problems.push(
      ...parsed.errors.map((e) => ({ file: save.file, line: e.line, message: `${e.message}: ${e.text}` })),
    );
    const legacy = parsed.legacyElsewhere;
    if (legacy !== undefined && !saves.some((other) => other.file === legacyFiles[legacy.family])) {
      problems.push({
        file: save.file,
        line: legacy.line,
        message: `there are legacy tables too, and ${legacyFiles[legacy.family]} is not in the facts`,
      });
      hidden.push(
        ...everyHook(legacy.family, {
          name: 'the legacy tables',
          lacking: `${legacyFiles[legacy.family]} is not in the facts`,
          command: legacyFiles[legacy.family].replace('.txt', ''),
          at: { file: save.file, line: legacy.line },
        }),
      );
    }
    // The same legacy table can be in two files: iptables-save may itself be the legacy tool.
    tables.push(...parsed.tables.filter((t) => !tables.some((other) => sameTable(t, other))));
  }
  const firewall: Ruleset = { tables };
  if (nft === undefined) return { value: { firewall, unmodelledHooks: hidden }, problems };
  const listing = 'json' in nft ? undefined : listingJson(nft.content);
  const native = parseNftJson('json' in nft ? nft.json : listing?.json, nft.file, (family, name) =>
    isIptables(firewall, family, name),
  );
  problems.push(...native.problems.map((message) => ({ file: nft.file, message })));
  const line = listing?.cutAt;
  if (line !== undefined) {
    problems.push({ file: nft.file, line, message: 'the listing is cut off: this table has no end' });
    hidden.push(
      ...everyHook('inet', {
        name: 'the rest of the nft tables',
        lacking: `${nft.file} is cut off`,
        command: 'nft list ruleset',
        at: { file: nft.file, line },
      }),
    );
  }
  const text = 'json' in nft ? nft.text : undefined;
  const ruleset = text === undefined ? native.ruleset : withDevices(native.ruleset, text, nft.file);
  return { value: { firewall, nft: ruleset, unmodelledHooks: hidden }, problems };
}

/** nft before 1.0.7 leaves the devices of chains out of its JSON; its own language has them. */
function withDevices(ruleset: NftRuleset, listing: string, file: string): NftRuleset {
  const lacks = ({ base }: NftChain) => base?.devices.length === 0;
  const atDevices = (table: NftTable) => table.family === 'netdev' && table.chains.some(lacks);
  if (!ruleset.tables.some(atDevices)) return ruleset;
  const read = parseNftJson(listingJson(listing).json, file, () => false).ruleset.tables;
  const devicesOf = (table: NftTable, chain: NftChain) =>
    read
      .find(({ family, name }) => family === table.family && name === table.name)
      ?.chains.find(({ name }) => name === chain.name)?.base?.devices ?? [];
  const filled = (table: NftTable, chain: NftChain): NftChain =>
    chain.base === undefined || !lacks(chain)
      ? chain
      : { ...chain, base: { ...chain.base, devices: devicesOf(table, chain) } };
  return {
    ...ruleset,
    tables: ruleset.tables.map((table) =>
      atDevices(table) ? { ...table, chains: table.chains.map((chain) => filled(table, chain)) } : table,
    ),
  };
}

const legacyFiles: Readonly<Record<Family, string>> = {
  ipv4: 'iptables-legacy-save.txt',
  ipv6: 'ip6tables-legacy-save.txt',
};

/** Which chains there are, nobody says: they may be at every hook. */
function everyHook(
  family: UnmodelledHook['family'],
  what: Omit<UnmodelledHook, 'family' | 'hook'>,
): readonly UnmodelledHook[] {
  return ['prerouting', 'input', 'forward', 'output', 'postrouting'].map((hook) => ({
    family,
    hook,
    ...what,
  }));
}

/** iptables-nft keeps its tables under the same names; what iptables-save printed is read there. */
function isIptables(firewall: Ruleset, family: NftFamily, name: string): boolean {
  const wanted = family === 'ip' ? 'ipv4' : family === 'ip6' ? 'ipv6' : undefined;
  return firewall.tables.some((t) => t.backend === 'iptables-nft' && t.family === wanted && t.name === name);
}

function sameTable(a: Table, b: Table): boolean {
  return a.backend === b.backend && a.family === b.family && a.name === b.name;
}

/** The backend that a version line names: `iptables v1.8.9 (nf_tables)`. */
export function backendOfTool(versionLines: string): Backend | undefined {
  const line = /^ip6?tables(?:-save)? v\S+(?: \((\w+)\))?/m.exec(versionLines);
  if (line === null) return undefined;
  return line[1] === 'nf_tables' ? 'iptables-nft' : 'iptables-legacy';
}
