/**
 * `-m addrtype`: what the routing tables say about the packet's addresses (net/netfilter/xt_addrtype.c).
 * In: the module's options. Out: a matcher. The routing lookup itself is the PacketView's.
 */
import { type Addr, isMulticast, isUnspecified } from '../net/addr.ts';
import { type Matcher, unknownOption } from './conditions.ts';
import { negateIf } from './match-values.ts';
import type { PacketView, Truth, UnknownTruth } from './packet-view.ts';
import type { ModuleMatch, RuleOption } from './ruleset.ts';
import { addrTypes } from './value-names.ts';

type Test = (view: PacketView, addr: Addr, dev: string | undefined) => Truth;

export function addrtypeMatcher(match: ModuleMatch): Matcher {
  const limitIn = match.options.some((o) => o.name === '--limit-iface-in');
  const limitOut = match.options.some((o) => o.name === '--limit-iface-out');
  const source = match.options.find((o) => o.name === '--src-type');
  const destination = match.options.find((o) => o.name === '--dst-type');
  const testSource = source === undefined ? undefined : typeTest(source);
  const testDestination = destination === undefined ? undefined : typeTest(destination);
  return (view) => {
    const dev = limitIn ? view.inDev : limitOut ? view.outDev : undefined;
    const bySource = testSource === undefined ? true : testSource(view, view.src, dev);
    if (bySource === false || testDestination === undefined) return bySource;
    const byDestination = testDestination(view, view.dst, dev);
    return byDestination === true ? bySource : byDestination;
  };
}

function typeTest(option: RuleOption): Test {
  const types = (option.values[0] ?? '').toUpperCase().split(',');
  const unknown = unknownOption('addrtype', option);
  if (!types.every((type) => addrTypes.some((known) => known === type))) return () => unknown;
  const [only = '', ...more] = types;
  const isOne = more.length === 0 ? (type: string) => type === only : (type: string) => types.includes(type);
  return (view, addr, dev) => {
    if (addr.family === 'ipv6') {
      const truth = ipv6Type(types, addr, () => view.addrType(addr, dev));
      return negateIf(option.not, truth);
    }
    const type = view.addrType(addr, dev);
    return typeof type === 'string' ? isOne(type) !== option.not : type;
  };
}

const routedTypes: readonly string[] = ['LOCAL', 'ANYCAST', 'UNREACHABLE'];

/**
 * match_type6(): for IPv6 the list is not a choice. MULTICAST, UNICAST and UNSPEC are conditions on the address
 * itself, all of which must hold; LOCAL, ANYCAST and UNREACHABLE, of which one must, are asked of the routing tables.
 * A local address is UNICAST too.
 */
function ipv6Type(types: readonly string[], addr: Addr, lookup: () => string | UnknownTruth): Truth {
  const unicast = !isMulticast(addr) && !isUnspecified(addr);
  if (types.includes('MULTICAST') && !isMulticast(addr)) return false;
  if (types.includes('UNICAST') && !unicast) return false;
  if (types.includes('UNSPEC') && !isUnspecified(addr)) return false;
  const routed = types.filter((type) => routedTypes.includes(type));
  if (routed.length === 0) return true;
  const found = lookup();
  if (typeof found !== 'string') return found;
  const rejected = found === 'BLACKHOLE' || found === 'PROHIBIT' || found === 'UNREACHABLE';
  return routed.includes(rejected ? 'UNREACHABLE' : found);
}
