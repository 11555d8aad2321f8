/**
 * Command lines that change a host (`sysctl`, `ip link set`, `ip route`), as a person types them, into StateChanges.
 * In: words and the namespace that they are for. Out: the changes, or in one line why there are none. Nothing is run.
 */
import { type Family, sameAddr } from '../net/addr.ts';
import { containsAddr, parsePrefixOrAddr, samePrefix } from '../net/prefix.ts';
import type { StateChange } from './change.ts';
import { parseRoutes } from './routes.ts';
import type { Namespace, Route } from './state.ts';

export interface NoChange {
  readonly error: string;
}

/** Reads a command line; `sysctl`, `ip link set|del`, `ip address add|del` and `ip route add|replace|del` are known. */
export function parseHostCommand(words: readonly string[], at: Namespace): readonly StateChange[] | NoChange {
  const [program, ...args] = words;
  if (program === 'sysctl') return sysctlChange(args, at);
  if (program !== 'ip') return { error: `not a command that can be tried: ${program ?? ''}` };
  const family = args[0] === '-6' ? 'ipv6' : args[0] === '-4' ? 'ipv4' : undefined;
  const [object = '', verb = '', ...rest] = family === undefined ? args : args.slice(1);
  if (isShort(object, 'link', 1) && isShort(verb, 'set', 1)) return linkChange(rest, at);
  if (isShort(object, 'link', 1) && isShort(verb, 'delete', 3)) return linkGone(rest, at);
  if (isShort(object, 'address', 1)) return addressChange(verb, rest, at);
  if (isShort(object, 'route', 1)) return routeChange(verb, rest, at, family);
  return { error: `ip ${object} ${verb} cannot be tried: ip link, ip address, ip route and ip rule can` };
}

/** iproute2 takes words by their beginning. */
function isShort(word: string, whole: string, least: number): boolean {
  return word.length >= least && whole.startsWith(word);
}

function sysctlChange(
  args: readonly string[],
  { name: namespace, sysctls }: Namespace,
): readonly StateChange[] | NoChange {
  const [text = '', ...more] = args.filter((word) => word !== '-w');
  const [, given, value] = /^([\w./-]+)=(\S+)$/.exec(text) ?? [];
  if (given === undefined || value === undefined || more.length > 0)
    return { error: 'sysctl needs NAME=VALUE' };
  const name = given.includes('/') ? given.replaceAll('/', '.') : given;
  const before = sysctls.get(name)?.value;
  // A name that was misspelt would seem to change nothing.
  if (before === undefined && sysctls.size > 0)
    return { error: `${name} is not among the sysctls in the facts` };
  return [{ namespace, kind: 'sysctl', name, value, before }];
}

function linkChange(args: readonly string[], at: Namespace): readonly StateChange[] | NoChange {
  const [dev, what, value, ...more] = args[0] === 'dev' ? args.slice(1) : args;
  if (dev === undefined || what === undefined)
    return { error: 'ip link set needs a device, and up, down or mtu' };
  if (!at.links.some(({ name }) => name === dev)) return { error: `Cannot find device "${dev}"` };
  const change = { namespace: at.name, dev };
  if (value === undefined && what === 'up') return [{ ...change, kind: 'link-up' }];
  if (value === undefined && what === 'down') return [{ ...change, kind: 'link-down' }];
  if (what === 'mtu' && more.length === 0 && /^[1-9][0-9]{1,5}$/.test(value ?? ''))
    return [{ ...change, kind: 'link-mtu', mtu: Number(value) }];
  if (what === 'master' && more.length === 0 && at.links.some(({ name }) => name === value))
    return [{ ...change, kind: 'link-master', master: value ?? '' }];
  return { error: `ip link set ${dev} can be tried with up, down, mtu N or master BRIDGE` };
}

function linkGone(args: readonly string[], at: Namespace): readonly StateChange[] | NoChange {
  const [dev = ''] = args[0] === 'dev' ? args.slice(1) : args;
  return at.links.some(({ name }) => name === dev)
    ? [{ namespace: at.name, kind: 'delete-link', dev }]
    : { error: `Cannot find device "${dev}"` };
}

/** `ip addr add 10.0.0.1/24 dev eth0`. */
function addressChange(
  verb: string,
  args: readonly string[],
  at: Namespace,
): readonly StateChange[] | NoChange {
  const [text = '', word, dev = ''] = args;
  const prefix = parsePrefixOrAddr(text);
  if (prefix === undefined || word !== 'dev') return { error: 'ip address needs ADDRESS/BITS dev DEVICE' };
  const link = at.links.find(({ name }) => name === dev);
  if (link === undefined) return { error: `Cannot find device "${dev}"` };
  const has = link.addresses.some((own) => sameAddr(own.prefix.addr, prefix.addr));
  const change = { namespace: at.name, dev, prefix } as const;
  if (isShort(verb, 'add', 1))
    return has ? { error: 'RTNETLINK answers: File exists' } : [{ ...change, kind: 'add-address' }];
  if (isShort(verb, 'delete', 3))
    return has
      ? [{ ...change, kind: 'delete-address' }]
      : { error: 'RTNETLINK answers: Cannot assign requested address' };
  return { error: `ip address ${verb} cannot be tried: add and del can` };
}

function routeChange(
  verb: string,
  args: readonly string[],
  at: Namespace,
  family: Family | undefined,
): readonly StateChange[] | NoChange {
  const asked = readRoute(args, family);
  if (typeof asked === 'string') return { error: asked };
  const namespace = at.name;
  switch (verb) {
    case 'add':
    case 'replace': {
      const route = completed(asked.route, at);
      if (typeof route === 'string') return { error: route };
      const known = at.routes.find((other) => sameKey(other, route));
      if (known !== undefined && verb === 'add') return { error: 'RTNETLINK answers: File exists' };
      const removed = known === undefined ? [] : [{ namespace, kind: 'delete-route', route: known } as const];
      return [...removed, { namespace, kind: 'add-route', route }];
    }
    case 'del':
    case 'delete': {
      const route = at.routes.find((other) => fits(other, asked));
      if (route === undefined) return { error: 'RTNETLINK answers: No such process' };
      return [{ namespace, kind: 'delete-route', route }];
    }
    default:
      return { error: `ip route ${verb} cannot be tried: add, replace and del can` };
  }
}

interface AskedRoute {
  readonly route: Route;
  /** The words that were said, by which a route to delete is found. */
  readonly said: ReadonlySet<string>;
}

const types = ['unicast', 'local', 'blackhole', 'unreachable', 'prohibit', 'throw'];

/** What each word of `ip route` is called in its JSON. */
const members: Readonly<Record<string, string>> = {
  via: 'gateway',
  dev: 'dev',
  src: 'prefsrc',
  metric: 'metric',
  table: 'table',
};

function readRoute(args: readonly string[], asked: Family | undefined): AskedRoute | string {
  const [first = ''] = args;
  const type = types.find((word) => word === first);
  const [dst = '', ...words] = type === undefined ? args : args.slice(1);
  const json: Record<string, unknown> = { dst, ...(type === undefined ? {} : { type }) };
  for (let i = 0; i < words.length; i += 2) {
    const [word = '', value] = words.slice(i, i + 2);
    const member = members[word];
    if (member === undefined || value === undefined) return `ip route with ${word} cannot be tried`;
    json[member] = word === 'metric' ? Number(value) : value;
  }
  const prefix = dst === 'default' ? undefined : parsePrefixOrAddr(dst);
  if (dst !== 'default' && prefix === undefined) return `not a prefix: ${dst}`;
  const isSix = (asked ?? prefix?.addr.family) === 'ipv6' || String(json.gateway ?? '').includes(':');
  const [route] = parseRoutes([isSix ? { ...json, pref: 'medium' } : json], 'ip route').value;
  return route === undefined ? `not a route: ${args.join(' ')}` : { route, said: new Set(Object.keys(json)) };
}

/** The device that a gateway is reached by, as the kernel finds it (fib_check_nh), and the metric that IPv6 takes. */
function completed(route: Route, at: Namespace): Route | string {
  const metric = route.family === 'ipv6' && route.metric === 0 ? 1024 : route.metric;
  if (route.type !== 'unicast') return { ...route, metric };
  const { gateway } = route;
  const onLink = at.links.find(
    (link) =>
      link.up && gateway !== undefined && link.addresses.some(({ prefix }) => containsAddr(prefix, gateway)),
  );
  const dev = route.dev ?? onLink?.name;
  if (dev === undefined) return 'Error: Nexthop has invalid gateway.';
  const link = at.links.find(({ name }) => name === dev);
  if (link === undefined) return `Cannot find device "${dev}"`;
  return link.up ? { ...route, dev, metric } : 'RTNETLINK answers: Network is down';
}

function sameKey(a: Route, b: Route): boolean {
  return a.family === b.family && a.table === b.table && a.metric === b.metric && samePrefix(a.dst, b.dst);
}

function fits(known: Route, { route, said }: AskedRoute): boolean {
  const is = (word: string, same: boolean) => !said.has(word) || same;
  return (
    known.family === route.family &&
    known.table === route.table &&
    samePrefix(known.dst, route.dst) &&
    is('type', known.type === route.type) &&
    is('dev', known.dev === route.dev) &&
    is('metric', known.metric === route.metric) &&
    is('gateway', sameAddress(known.gateway, route.gateway)) &&
    is('prefsrc', sameAddress(known.preferredSource, route.preferredSource))
  );
}

function sameAddress(a: Route['gateway'], b: Route['gateway']): boolean {
  return a !== undefined && b !== undefined && sameAddr(a, b);
}
