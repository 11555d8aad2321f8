/**
 * What an engine with the nftables backend says that it changes: the objects of its tables, one message each. In: an Entry.
 * Out: an NftChange. Rules are kept as the text that was logged; nft-listing.ts puts them in their places.
 */
import type { NftHook } from '../firewall/nft/model.ts';
import { type Entry, fieldOf } from './entry.ts';

export type NftFamilyName = 'ip' | 'ip6';

export interface NftChange {
  readonly family: NftFamilyName;
  readonly table: string;
  readonly verb: 'create' | 'append' | 'add' | 'delete';
  readonly object: NftObject;
  /** `container`: the rules of Docker's DNS in a container's own namespace. */
  readonly place: 'host' | 'container';
}

export type NftObject =
  | {
      readonly kind: 'chain';
      readonly chain: string;
      readonly base?: NftHook;
    }
  /** Rules of a lower group stand before those of a higher. */
  | { readonly kind: 'rule'; readonly chain: string; readonly group: number; readonly text: string }
  | { readonly kind: 'map'; readonly map: string }
  | { readonly kind: 'element'; readonly map: string; readonly key: string; readonly value: string };

const verbs = { created: 'create', appended: 'append', added: 'add', deleted: 'delete' } as const;

/** Reads a message of 29's nftables backend; undefined for others, and for what is not understood. */
export function nftChange(entry: Entry): NftChange | undefined {
  if (!entry.message.startsWith('nftables: ')) return undefined;
  const [, said, what] =
    /^nftables: (created|appended|added|deleted) (base chain|chain|rule|map element|map)$/.exec(
      entry.message,
    ) ?? [];
  const field = (name: string) => fieldOf(entry, name) ?? '';
  const object = what === undefined ? undefined : objectOf(what, field);
  const verb = Object.entries(verbs).find(([word]) => word === said)?.[1];
  if (object === undefined || verb === undefined) return undefined;
  const table = field('table');
  return {
    family: field('family') === 'ip6' ? 'ip6' : 'ip',
    table,
    verb,
    object,
    place: table === 'docker-dns' ? 'container' : 'host',
  };
}

function objectOf(what: string, field: (name: string) => string): NftObject | undefined {
  const chain = field('chain');
  switch (what) {
    case 'base chain':
      return {
        kind: 'chain',
        chain,
        base: {
          type: field('type'),
          hook: field('hook'),
          priority: Number(field('prio')) || 0,
          // What an nft chain has where nobody says otherwise, as dockerd does not.
          policy: 'accept',
          devices: [],
        },
      };
    case 'chain':
      return { kind: 'chain', chain };
    case 'rule':
      return { kind: 'rule', chain, group: Number(field('group')) || 0, text: field('rule').trim() };
    case 'map':
      return { kind: 'map', map: field('map') };
    case 'map element':
      return { kind: 'element', map: field('map'), key: field('key'), value: field('value') };
    default:
      return undefined;
  }
}
