/**
 * Makes a case real: the host, its uplink with an outside that has no route back, and the containers, each in a namespace of its own that
 * is new. In: a case, on a stage. Out: a place to ask at. Rules go in by the real tools from the case's own lines, not by our engine.
 */
import { writeFileSync } from 'node:fs';
import { run } from '../../src/kernel/process.ts';
import { sysctlPath } from '../../src/kernel/sysctl-path.ts';
import { outsideName } from '../../src/lab/place.ts';
import { type Addr, type Family, formatAddr, parseAddr } from '../../src/net/addr.ts';
import { type HostCase, isDual } from './case.ts';
import { Ends } from './ends.ts';
import { Namespace, type Watch } from './native.ts';

/** Answers of `ip -d -j`. */
export interface Lists {
  readonly link: string;
  readonly addr: string;
  readonly route: string;
  readonly rule: string;
  readonly neigh: string;
  readonly route6: string;
  readonly rule6: string;
}

export interface Place {
  /** `host`, the outside, containers. Throws when nobody is called so. */
  namespace(name: string): Namespace;
  readonly ends: Ends;
  /** Runs a tool in one of the namespaces; throws with what it said when it refuses. */
  run(name: string, argv: readonly string[], stdin?: string): Promise<string>;
  /** What `ip` listed in a namespace once everything was there. */
  lists(name: string): Lists;
  /** Lists again. */
  list(name: string): Promise<Lists>;
  /** What listens there, as `ss -H -lntup` prints it. */
  sockets(name: string): string;
  /** The command lines of the proxies, as docker-proxy.txt has them. */
  readonly proxies: string;
  release(): void;
}

/** Ports that are listened on. */
const services = {
  host: { tcp: [2222], udp: [2223] },
  container: { tcp: [80], udp: [53] },
  outside: { tcp: [7777], udp: [7777] },
} as const;

const uplink = { ipv4: '203.0.113.2', ipv6: '2001:db8:113::2' } as const;
const gateway = { ipv4: '203.0.113.1', ipv6: '2001:db8:113::1' } as const;
const far = { ipv4: '198.51.100.7', ipv6: '2001:db8:ffff::7' } as const;
const families: readonly Family[] = ['ipv4', 'ipv6'];

/** What the outside marks that shall go by the host whatever routes there are (a flow that is `direct`). */
export const directMark = 0xd1;

/** The outside as a bundle's outside.json describes it. */
export function outsideOf(hostCase: HostCase): object {
  const spoken = spokenIn(hostCase);
  return {
    namespace: outsideName,
    links: [
      { name: 'up0', peer: 'eth0', addresses: spoken.map((family) => withLength(gateway[family])) },
      { name: 'lo', addresses: spoken.flatMap((family) => [loopbacks[family], far[family]]) },
    ],
    listeners: [
      ...services.outside.tcp.map((port) => `tcp ${port}`),
      ...services.outside.udp.map((port) => `udp ${port}`),
    ],
  };
}

const loopbacks = { ipv4: '127.0.0.1', ipv6: '::1' } as const;

function withLength(address: string): string {
  return `${address}/${address.includes(':') ? 64 : 24}`;
}

/**
 * The kernel's defaults, which a new namespace may not have (net.core.devconf_inherit_init_net), no search for who else has an address, and
 * neither redirects nor limits of ICMP errors, by which one flow would change the next.
 */
const ground4 = [
  'net.ipv4.ip_forward=0',
  'net.ipv4.icmp_ratelimit=0',
  'net.ipv4.icmp_msgs_per_sec=1000000',
  'net.ipv4.icmp_msgs_burst=1000000',
  ...['all', 'default'].flatMap((dev) =>
    ['rp_filter', 'accept_local', 'route_localnet', 'send_redirects', 'accept_redirects'].map(
      (name) => `net.ipv4.conf.${dev}.${name}=0`,
    ),
  ),
];
const no6 = ['all', 'default'].map((dev) => `net.ipv6.conf.${dev}.disable_ipv6=1`);
const ground6 = [
  'net.ipv6.icmp.ratelimit=0',
  ...['accept_dad', 'dad_transmits', 'accept_ra', 'autoconf', 'router_solicitations', 'accept_redirects'].map(
    (name) => `net.ipv6.conf.default.${name}=0`,
  ),
  'net.ipv6.conf.all.accept_dad=0',
];

/** Builds a case. Throws when the kernel or a tool refuses a part of it; nothing is left then. */
export async function build(hostCase: HostCase, watch: Watch): Promise<Place> {
  const names = ['host', outsideName, ...hostCase.containers.map(({ name }) => name)];
  const namespaces = new Map<string, Namespace>();
  const listed = new Map<string, Lists>();
  const listening = new Map<string, string[]>(names.map((name) => [name, []]));
  const ends = new Ends(watch);
  const namespace = (name: string): Namespace => {
    const found = namespaces.get(name);
    if (found === undefined) throw new Error(`no namespace ${name}`);
    return found;
  };
  const place: Place = {
    namespace,
    ends,
    run: async (name, argv, stdin) => {
      const finished = await namespace(name).within(() =>
        run({ argv, ...(stdin === undefined ? {} : { stdin }) }),
      );
      // The whole of what the tool said: the first line is not the one that names what it refused.
      if (finished.code !== 0) throw new Error(`${argv[0]}: ${finished.stderr.trim().replace(/\n/g, ' ')}`);
      return finished.stdout;
    },
    lists: (name) => {
      const found = listed.get(name);
      if (found === undefined) throw new Error(`nothing was listed in ${name}`);
      return found;
    },
    list: (name) => ipThenLists(place, name, [], { dual: isDual(hostCase) }),
    proxies: hostCase.proxies.map(proxyCommand).join(''),
    sockets: (name) => (listening.get(name) ?? []).map((line) => `${line}\n`).join(''),
    release: () => {
      ends.close();
      for (const made of namespaces.values()) made.close();
    },
  };
  try {
    const ground = [...ground4, ...(isDual(hostCase) ? ground6 : no6)];
    for (const name of names) {
      namespaces.set(name, new Namespace());
      writeSysctls(place, name, ground);
    }
    await layHost(place, hostCase);
    await Promise.all([
      layOutside(place, hostCase),
      ...hostCase.containers.map(async (container) => {
        writeSysctls(place, container.name, inside(hostCase, container.name, 'sysctl'));
        listed.set(container.name, await layContainer(place, container, hostCase));
      }),
    ]);
    hurry(place, hostCase);
    listen(place, hostCase, (name, line) => listening.get(name)?.push(line));
    const [lists] = await Promise.all([
      fillHost(place, hostCase),
      ...hostCase.containers.map(({ name }) => addRules(place, name, rulesInside(hostCase, name))),
    ]);
    listed.set('host', lists);
    return place;
  } catch (error) {
    place.release();
    throw error;
  }
}

function writeSysctls(place: Place, name: string, settings: readonly string[]): void {
  place.namespace(name).within(() => {
    for (const setting of settings) {
      const [key = '', value = ''] = setting.split('=');
      writeFileSync(sysctlPath(key), `${value}\n`);
    }
  });
}

/** One process for many lines of `ip`. */
async function ip(
  place: Place,
  name: string,
  lines: readonly string[],
  ...options: readonly string[]
): Promise<string> {
  return place.run(name, ['ip', ...options, '-batch', '-'], lines.map((line) => `${line}\n`).join(''));
}

/** The same, and what is there then; `lines6` are for `ip -6`. */
async function ipThenLists(
  place: Place,
  name: string,
  lines: readonly string[],
  { dual, lines6 = [] }: { readonly dual: boolean; readonly lines6?: readonly string[] },
): Promise<Lists> {
  const wanted = ['link show', 'addr show', 'route show table all', 'rule show', 'neigh show'];
  const said = await ip(place, name, [...lines, ...wanted], '-d', '-j');
  const [link, addr, route, rule, neigh, ...more] = linesOf(said);
  const said6 = dual
    ? await ip(place, name, [...lines6, 'route show table all', 'rule show'], '-6', '-d', '-j')
    : '[]\n[]\n';
  const [route6, rule6, ...more6] = linesOf(said6);
  const all = { link, addr, route, rule, neigh, route6, rule6 };
  if (!isComplete(all) || more.length > 0 || more6.length > 0)
    throw new Error(`ip listed something else: ${said}${said6}`);
  return all;
}

function isComplete(lists: Readonly<Record<keyof Lists, string | undefined>>): lists is Lists {
  return Object.values(lists).every((list) => list !== undefined);
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}

function spokenIn(hostCase: HostCase): readonly Family[] {
  return families.filter((family) => family === 'ipv4' || isDual(hostCase));
}

function addAddress(address: string | undefined, dev: string): readonly string[] {
  if (address === undefined) return [];
  return [`addr add ${address} ${address.includes(':') ? 'nodad' : 'brd +'} dev ${dev}`];
}

/** The host's links, with their other ends in the other namespaces, its addresses and default routes. */
async function layHost(place: Place, hostCase: HostCase): Promise<void> {
  const of = (name: string) => place.namespace(name).path;
  await ip(place, 'host', [
    'link set lo up',
    `link add eth0 type veth peer name up0 netns ${of(outsideName)}`,
    ...spokenIn(hostCase).flatMap((family) => addAddress(withLength(uplink[family]), 'eth0')),
    'link set eth0 up',
    ...hostCase.bridges.flatMap(({ name, address, address6 }) => [
      `link add ${name} type bridge`,
      ...addAddress(address, name),
      ...addAddress(address6, name),
      `link set ${name} up`,
    ]),
    ...hostCase.containers.flatMap(({ name, bridge, address, hairpin }) => [
      `link add veth-${name} type veth peer name eth0 address ${containerMac(address)} netns ${of(name)}`,
      `link set veth-${name} up master ${bridge}`,
      ...(hairpin ? [`link set veth-${name} type bridge_slave hairpin on`] : []),
    ]),
    ...spokenIn(hostCase).map((family) => `route add default via ${gateway[family]} dev eth0`),
  ]);
}

async function layOutside(place: Place, hostCase: HostCase): Promise<void> {
  const spoken = spokenIn(hostCase);
  await ip(place, outsideName, [
    'link set lo up',
    ...spoken.flatMap((family) => [
      ...addAddress(withLength(gateway[family]), 'up0'),
      `addr add ${far[family]} dev lo`,
    ]),
    'link set up0 up',
    ...spoken.map((family) => `route add default via ${uplink[family]} dev up0 table 200`),
    `rule add fwmark ${directMark} lookup 200`,
  ]);
  if (isDual(hostCase)) await ip(place, outsideName, [`rule add fwmark ${directMark} lookup 200`], '-6');
}

function layContainer(
  place: Place,
  container: HostCase['containers'][number],
  hostCase: HostCase,
): Promise<Lists> {
  const { name, address, gateway, address6, gateway6 } = container;
  return ipThenLists(
    place,
    name,
    [
      'link set lo up',
      ...addAddress(address, 'eth0'),
      ...addAddress(address6, 'eth0'),
      'link set eth0 up',
      `route add default via ${gateway}`,
      ...(gateway6 === undefined ? [] : [`route add default via ${gateway6}`]),
      ...inside(hostCase, name, 'ip'),
    ],
    { dual: isDual(hostCase) },
  );
}

/** Unanswered neighbour questions wait a tenth of the kernel's second. */
function hurry(place: Place, hostCase: HostCase): void {
  const spoken = spokenIn(hostCase);
  const own = ['eth0', ...hostCase.bridges.map(({ name }) => name)];
  const devices: readonly (readonly [string, readonly string[]])[] = [
    ['host', own],
    [outsideName, ['up0']],
    ...hostCase.containers.map(({ name }) => [name, ['eth0']] as const),
  ];
  for (const [name, devs] of devices)
    writeSysctls(
      place,
      name,
      devs.flatMap((dev) => spoken.map((family) => `net.${family}.neigh.${dev}.retrans_time_ms=100`)),
    );
}

/** As Docker makes it: 02:42 and the address. */
function containerMac(address: string): string {
  const bytes = bare(address)
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return ['02', '42', ...bytes].join(':');
}

function bare(address: string): string {
  return address.split('/')[0] ?? '';
}

async function fillHost(place: Place, hostCase: HostCase): Promise<Lists> {
  writeSysctls(place, 'host', hostCase.sysctls);
  const [lists] = await Promise.all([
    ipThenLists(
      place,
      'host',
      [
        ...hostCase.links.map((line) => `link ${line}`),
        ...hostCase.routes.map((line) => `route add ${line}`),
        ...hostCase.policyRules.map((line) => `rule add ${line}`),
      ],
      { dual: isDual(hostCase), lines6: hostCase.policyRules6.map((line) => `rule add ${line}`) },
    ),
    addRules(place, 'host', hostCase),
  ]);
  return lists;
}

type RuleLines = Pick<HostCase, 'legacy' | 'legacy6' | 'iptables' | 'ip6tables' | 'nft'>;

/** One after the other, so that of equal priorities it is always the same that comes first. */
async function addRules(place: Place, name: string, lines: RuleLines): Promise<void> {
  await restore(place, name, 'iptables-legacy-restore', lines.legacy);
  await restore(place, name, 'ip6tables-legacy-restore', lines.legacy6);
  await restore(place, name, 'iptables-nft-restore', lines.iptables);
  await restore(place, name, 'ip6tables-nft-restore', lines.ip6tables);
  if (lines.nft.length > 0) await place.run(name, ['nft', '-f', '-'], lines.nft.join('\n'));
}

/** What a case says of a container for one tool. */
function inside({ inside: lines }: HostCase, name: string, tool: string): readonly string[] {
  const head = `${name} ${tool} `;
  return lines.flatMap((line) => (line.startsWith(head) ? [line.slice(head.length)] : []));
}

/** The rules of a container. */
export function rulesInside(hostCase: HostCase, name: string): RuleLines {
  const of = (tool: string) => inside(hostCase, name, tool);
  return { legacy: [], legacy6: [], iptables: of('iptables'), ip6tables: of('ip6tables'), nft: of('nft') };
}

async function restore(place: Place, name: string, tool: string, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await place.run(name, [tool], restoreText(lines));
}

/** What iptables-restore reads, from lines of the tables in any order. */
function restoreText(lines: readonly string[]): string {
  const tables = new Map<string, string[]>();
  for (const line of lines) {
    const [table = '', verb = '', chain = '', ...rest] = line.split(' ');
    const text = verb === '-A' ? [verb, chain, ...rest].join(' ') : `:${chain} ${rest[0] ?? '-'} [0:0]`;
    tables.set(table, [...(tables.get(table) ?? []), text]);
  }
  return [...tables]
    .map(([table, texts]) => {
      const chains = texts.filter((text) => text.startsWith(':'));
      const rules = texts.filter((text) => !text.startsWith(':'));
      return [`*${table}`, ...chains, ...rules, 'COMMIT', ''].join('\n');
    })
    .join('');
}

/** Source ports of what proxies send; flows have lower ones. */
const proxyPorts = 50_000;

/** `tcp 0.0.0.0 8080 172.17.0.2 80` as the command line that docker-proxy.txt has. */
function proxyCommand(line: string): string {
  const [proto, address, port, containerAddress, containerPort] = line.split(' ');
  return `docker-proxy -proto ${proto} -host-ip ${address} -host-port ${port} -container-ip ${containerAddress} -container-port ${containerPort}\n`;
}

/** An address that a line of the case writes. */
function addressOf(text: string): Addr {
  const addr = parseAddr(text);
  if (addr === undefined) throw new Error(`not an address: ${text}`);
  return addr;
}

function listen(place: Place, hostCase: HostCase, note: (name: string, line: string) => void): void {
  const { bridges, containers } = hostCase;
  const spoken = spokenIn(hostCase);
  const serve = (
    name: string,
    ports: { tcp: readonly number[]; udp: readonly number[] },
    addresses: readonly (string | undefined)[],
  ): void => {
    const there = place.namespace(name);
    for (const port of ports.tcp)
      for (const family of spoken) {
        place.ends.listenTcp(there, name, { family, port });
        note(
          name,
          `tcp LISTEN 0 64 ${family === 'ipv4' ? '0.0.0.0' : '[::]'}:${port} *:* users:(("${name}",pid=1,fd=3))`,
        );
      }
    for (const port of ports.udp)
      for (const address of addresses) {
        if (address === undefined) continue;
        const addr = addressOf(bare(address));
        place.ends.listenUdp(there, name, { addr, port });
        const text = addr.family === 'ipv4' ? formatAddr(addr) : `[${formatAddr(addr)}]`;
        note(name, `udp UNCONN 0 0 ${text}:${port} *:* users:(("${name}",pid=1,fd=3))`);
      }
  };
  let nextOwn = proxyPorts;
  const own = spoken.map((family) => loopbacks[family]);
  serve('host', services.host, [
    ...own,
    ...spoken.map((family) => uplink[family]),
    ...bridges.flatMap(({ address, address6 }) => [address, address6]),
  ]);
  serve(
    outsideName,
    services.outside,
    spoken.flatMap((family) => [loopbacks[family], gateway[family], far[family]]),
  );
  for (const line of hostCase.proxies) {
    const [, address = '', port, containerAddress = '', containerPort] = line.split(' ');
    const at = { addr: addressOf(address), port: Number(port) };
    place.ends.proxyTcp(
      place.namespace('host'),
      at,
      { addr: addressOf(containerAddress), port: Number(containerPort) },
      () => nextOwn++,
    );
    const text = at.addr.family === 'ipv4' ? address : `[${address}]`;
    note('host', `tcp LISTEN 0 64 ${text}:${port} *:* users:(("docker-proxy",pid=1,fd=3))`);
  }
  for (const { name, address, address6 } of containers)
    serve(name, services.container, [...own, address, address6]);
}
