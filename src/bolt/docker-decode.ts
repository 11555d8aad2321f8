/**
 * Values of the store as a reader wants them. In: the JSON of one record, as libnetwork wrote it. Out: the same with strings that
 * hold JSON unfolded, and Go's text for an absent address as null. Labels and options of the user stay as they are.
 */

/** Strings of a network that hold JSON (libnetwork/network.go MarshalJSON), and inside them IpamInfo's IPAMData. */
const foldedLists = ['ipamV4Config', 'ipamV4Info', 'ipamV6Config', 'ipamV6Info'];
const foldedData = 'IPAMData';

/** Go's net.IP(nil).String(). */
const nil = '<nil>';
/** Fields that are the text of an address, of whichever kind of record. */
const addressFields: ReadonlySet<string> = new Set([
  'AddressIPv4',
  'AddressIPv6',
  'Addr',
  'Addrv6',
  'DefaultBindingIP',
  'DefaultGatewayIPv4',
  'DefaultGatewayIPv6',
  'HostIP',
  'HostIPv6',
  'loadBalancerIP',
  'virtualIP',
]);

/** The value of a record of this kind, decoded. A string that should hold JSON and does not stays a string. */
export function decodeValue(kind: string, json: unknown): unknown {
  if (!isObject(json)) return json;
  const known = mapFields(json, (field, value) => (addressFields.has(field) && value === nil ? null : value));
  if (kind !== 'network') return known;
  return mapFields(known, (field, value) => (foldedLists.includes(field) ? unfoldList(value) : value));
}

function unfoldList(folded: unknown): unknown {
  const list = unfold(folded);
  if (!Array.isArray(list)) return list;
  return list.map((item: unknown) =>
    isObject(item) ? mapFields(item, (field, value) => (field === foldedData ? unfold(value) : value)) : item,
  );
}

function unfold(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** An object of JSON: neither a list nor null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapFields(
  object: Readonly<Record<string, unknown>>,
  map: (field: string, value: unknown) => unknown,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(object).map(([field, value]) => [field, map(field, value)]));
}
