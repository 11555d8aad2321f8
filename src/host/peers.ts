/**
 * Which link is at the other end of which: veth pairs across namespaces, parents of macvlan, ipvlan and vlan.
 * In: every namespace's links with the numbers that iproute2 printed. Out: the links with `peer` filled in.
 * An end outside the facts keeps its number without a namespace.
 */
import type { RawLink } from './links.ts';
import type { Link } from './state.ts';

/** The links of one namespace, by its name. */
export interface NamespaceLinks {
  readonly name: string;
  readonly links: readonly RawLink[];
  /** Links whose other end is known to be outside all of these namespaces. */
  readonly outward: ReadonlySet<string>;
}

/** Links of all namespaces with their peers, in the order given. */
export function resolvePeers(namespaces: readonly NamespaceLinks[]): ReadonlyMap<string, readonly Link[]> {
  const candidates = new Map<RawLink, readonly NamespaceLinks[]>();
  for (const here of namespaces) {
    for (const raw of here.links) candidates.set(raw, candidatesOf(raw, here, namespaces));
  }
  // Numbers alone can fit more than one pair. A namespace's number for another is one and the same on all of
  // its links, so the links with one candidate tell where the others of that number lead.
  const known = knownNumbers(namespaces, candidates);
  return new Map(
    namespaces.map((here) => [
      here.name,
      here.links.map((raw) => withPeer(raw, choose(raw, candidates.get(raw) ?? [], known.get(here.name)))),
    ]),
  );
}

/** Namespaces in which the other end of this link may be, by its number and kind. */
function candidatesOf(
  raw: RawLink,
  here: NamespaceLinks,
  all: readonly NamespaceLinks[],
): readonly NamespaceLinks[] {
  if (raw.peerIndex === undefined || here.outward.has(raw.link.name)) return [];
  if (raw.peerNetnsId === undefined) return [here];
  return all.filter((there) => there !== here && there.links.some((other) => canBePeer(raw, other)));
}

function canBePeer(raw: RawLink, other: RawLink): boolean {
  if (other.link.index !== raw.peerIndex) return false;
  // A parent does not name its children; a veth names its peer back.
  if (raw.link.kind !== 'veth') return other.link.kind !== 'loopback';
  return other.link.kind === 'veth' && other.peerNetnsId !== undefined && other.peerIndex === raw.link.index;
}

function knownNumbers(
  namespaces: readonly NamespaceLinks[],
  candidates: ReadonlyMap<RawLink, readonly NamespaceLinks[]>,
): ReadonlyMap<string, ReadonlyMap<number, string>> {
  return new Map(
    namespaces.map((here) => {
      const numbers = new Map<number, string>();
      for (const raw of here.links) {
        const [only, ...others] = candidates.get(raw) ?? [];
        if (raw.peerNetnsId === undefined || only === undefined || others.length > 0) continue;
        numbers.set(raw.peerNetnsId, only.name);
      }
      return [here.name, numbers];
    }),
  );
}

function choose(
  raw: RawLink,
  candidates: readonly NamespaceLinks[],
  known: ReadonlyMap<number, string> | undefined,
): string | undefined {
  if (candidates.length === 1) return candidates[0]?.name;
  const byNumber = raw.peerNetnsId === undefined ? undefined : known?.get(raw.peerNetnsId);
  if (byNumber !== undefined) return candidates.find((c) => c.name === byNumber)?.name;
  // Engines make macvlan and ipvlan children of the host's links; the host comes first.
  return raw.link.kind === 'veth' ? undefined : candidates[0]?.name;
}

function withPeer(raw: RawLink, namespace: string | undefined): Link {
  if (raw.peerIndex === undefined || !hasOtherEnd(raw.link)) return raw.link;
  return { ...raw.link, peer: { index: raw.peerIndex, ...(namespace === undefined ? {} : { namespace }) } };
}

function hasOtherEnd(link: Link): boolean {
  return link.kind === 'veth' || link.kind === 'macvlan' || link.kind === 'ipvlan' || link.kind === 'vlan';
}
