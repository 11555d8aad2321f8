/**
 * Places of a packet, and headers and options that need not be there (nft_payload.c, nft_exthdr.c). In: an expression and a PacketView.
 * Out: a value, nothing where the packet has no such thing, or what is not known.
 */
import { bitsAt, networkHeaderBytes } from '../header-bits.ts';
import type { PacketView, Truth, UnknownTruth } from '../packet-view.ts';
import type { Expression } from './model.ts';
import type { Reader } from './read.ts';

/** Bits of the packet by their place; the link layer's are not known. */
export function rawReader({ base, offset, bits }: Extract<Expression, { kind: 'raw' }>): Reader {
  const unknown: UnknownTruth = {
    unknown: `bits ${offset} to ${offset + bits - 1} of the packet (@${base})`,
  };
  if (base !== 'nh' && base !== 'th') return () => unknown;
  return (view) => {
    if (base === 'th' && view.fragment) return undefined;
    const start = base === 'th' ? networkHeaderBytes(view) * 8 : 0;
    const found = bitsAt(view, start + offset, bits);
    if (found === undefined) return undefined;
    return found.known === 2n ** BigInt(bits) - 1n ? found.value : unknown;
  };
}

/** Whether a header or option that need not be there is there. No walked packet has extension headers or IP options. */
export function presenceOf({
  header,
  name,
}: Extract<Expression, { kind: 'header' }>): (view: PacketView) => Truth {
  const unknown: UnknownTruth = { unknown: `whether the packet has the ${header} ${name}` };
  switch (header) {
    case 'exthdr':
    case 'ip option':
      return () => false;
    case 'tcp option':
      return ({ protocol, mss }) =>
        protocol === 6 && (name === 'maxseg' && mss !== undefined ? mss !== 'none' : unknown);
    case 'sctp chunk':
      return ({ protocol }) => protocol === 132 && unknown;
    case 'dccp option':
      return ({ protocol }) => protocol === 33 && unknown;
  }
}

/** A field of it; without the header the rule ends. */
export function headerReader(expression: Extract<Expression, { kind: 'header' }>): Reader {
  const { header, name, field = '' } = expression;
  const present = presenceOf(expression);
  const unknown: UnknownTruth = { unknown: `${header} ${name} ${field} of the packet`.replace('  ', ' ') };
  return (view) => {
    const truth = present(view);
    if (truth !== true) return truth === false ? undefined : truth;
    const size = header === 'tcp option' && field === 'size' ? view.mss : undefined;
    return typeof size === 'number' ? BigInt(size) : unknown;
  };
}
