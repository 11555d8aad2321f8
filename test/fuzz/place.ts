/**
 * Makes a case real: the host, its uplink with an outside that has no route back, and the containers, each in a namespace that an agent
 * holds. In: a case, on a stage. Out: a place to ask at. Rules go in by the real tools from the case's own lines, not by our engine.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inNamespace } from '../../src/kernel/namespace.ts';
import { run, systemPath } from '../../src/kernel/process.ts';
import { gatewayAddress, hostAddress, outsideDescription, outsideName } from '../../src/lab/place.ts';
import { formatAddr } from '../../src/net/addr.ts';
import type { AgentAnswer, AgentRequest, Seen } from './agent.ts';
import type { HostCase } from './case.ts';

/** A namespace and the agent in it. */
export interface Agent {
  readonly path: string;
  readonly pid: number;
  /** Throws when the agent could not do it. One request at a time. */
  ask(request: AgentRequest): Promise<Seen>;
}

export interface Place {
  /** Of `host`, the outside or a container. Throws when nobody is called so. */
  agent(name: string): Agent;
  /** Runs a tool in one of the namespaces. */
  run(name: string, argv: readonly string[], stdin?: string): Promise<string>;
  /** Ends the agents; the namespaces go with them. */
  release(): Promise<void>;
}

/** Ports that are listened on. */
const services = {
  host: { tcp: [2222], udp: [2223] },
  container: { tcp: [80], udp: [53] },
  outside: { tcp: [7777], udp: [7777] },
} as const;

export const hostUplink = formatAddr(hostAddress);
const outsideWire = formatAddr(gatewayAddress);
const agentProgram = fileURLToPath(new URL('./agent.ts', import.meta.url));

/**
 * The kernel's defaults, which a new namespace may not have (net.core.devconf_inherit_init_net), no second family, and neither redirects
 * nor limits of ICMP errors, by which one flow would change the next.
 */
const groundSysctls = [
  'net.ipv6.conf.all.disable_ipv6=1',
  'net.ipv6.conf.default.disable_ipv6=1',
  'net.ipv4.ip_forward=0',
  'net.ipv4.icmp_ratelimit=0',
  ...['all', 'default'].flatMap((dev) =>
    ['rp_filter', 'accept_local', 'route_localnet', 'send_redirects', 'accept_redirects'].map(
      (name) => `net.ipv4.conf.${dev}.${name}=0`,
    ),
  ),
];

/** Builds a case. Throws when the kernel or a tool refuses a part of it; nothing is left then. */
export async function build(hostCase: HostCase): Promise<Place> {
  const names = ['host', outsideName, ...hostCase.containers.map(({ name }) => name)];
  const agents = new Map<string, Agent>();
  const children: ChildProcess[] = [];
  const agent = (name: string): Agent => {
    const found = agents.get(name);
    if (found === undefined) throw new Error(`no namespace ${name}`);
    return found;
  };
  const place: Place = {
    agent,
    run: async (name, argv, stdin) => {
      const finished = await run({
        argv: inNamespace(agent(name).path, argv),
        ...(stdin === undefined ? {} : { stdin }),
      });
      // The whole of what the tool said: the first line is not the one that names what it refused.
      if (finished.code !== 0) throw new Error(`${argv[0]}: ${finished.stderr.trim().replace(/\n/g, ' ')}`);
      return finished.stdout;
    },
    release: async () => {
      await Promise.all(children.map(endChild));
    },
  };
  try {
    await Promise.all(names.map(async (name) => agents.set(name, await startAgent(children))));
    await Promise.all(names.map((name) => agent(name).ask({ kind: 'sysctls', settings: groundSysctls })));
    await layWires(place, hostCase);
    await listen(place, hostCase);
    await Promise.all([portsForward(place), fillHost(place, hostCase)]);
    return place;
  } catch (error) {
    await place.release();
    throw error;
  }
}

async function startAgent(children: ChildProcess[]): Promise<Agent> {
  // unshare(1) becomes the program, in the same process, and hands the channel on.
  const child = spawn('unshare', ['--net', '--', process.execPath, agentProgram], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, LC_ALL: 'C', PATH: systemPath() },
  });
  children.push(child);
  let answered: (answer: AgentAnswer) => void = () => {};
  child.on('message', (answer: AgentAnswer) => answered(answer));
  child.on('exit', () => answered({ error: 'the agent ended' }));
  child.on('error', (error) => answered({ error: error.message }));
  const next = () =>
    new Promise<Seen>((resolve, reject) => {
      answered = (answer) => ('error' in answer ? reject(new Error(answer.error)) : resolve(answer.ok));
    });
  await next();
  const pid = child.pid ?? 0;
  return {
    pid,
    path: `/proc/${pid}/ns/net`,
    ask: (request) => {
      const answer = next();
      child.send(request);
      return answer;
    },
  };
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Links, addresses and routes of all namespaces; far ends first, so that ports are enabled when they come up. */
async function layWires(place: Place, { bridges, containers }: HostCase): Promise<void> {
  const pid = (name: string) => place.agent(name).pid;
  const batch = (name: string, lines: readonly string[]) =>
    place.run(name, ['ip', '-batch', '-'], lines.map((line) => `${line}\n`).join(''));
  await batch('host', [
    'link set lo up',
    `link add eth0 type veth peer name up0 netns ${pid(outsideName)}`,
    ...bridges.flatMap(({ name, address }) => [
      `link add ${name} type bridge`,
      `addr add ${address} brd + dev ${name}`,
      `link set ${name} up`,
    ]),
    ...containers.flatMap(({ name, address }) => [
      `link add veth-${name} type veth peer name eth0 address ${containerMac(address)} netns ${pid(name)}`,
    ]),
  ]);
  await Promise.all([
    batch(outsideName, [
      'link set lo up',
      ...outsideDescription.links.flatMap(({ name, addresses }) =>
        addresses.filter((a) => !a.startsWith('127.')).map((a) => `addr add ${a} dev ${name}`),
      ),
      'link set up0 up',
    ]),
    ...containers.map(({ name, address, gateway }) =>
      batch(name, [
        'link set lo up',
        `addr add ${address} dev eth0`,
        'link set eth0 up',
        `route add default via ${gateway}`,
      ]),
    ),
  ]);
  await batch('host', [
    `addr add ${hostUplink}/24 dev eth0`,
    'link set eth0 up',
    `route add default via ${outsideWire}`,
    ...containers.flatMap(({ name, bridge, hairpin }) => [
      `link set veth-${name} up master ${bridge}`,
      ...(hairpin ? [`link set veth-${name} type bridge_slave hairpin on`] : []),
    ]),
  ]);
  const devices = new Map<string, readonly string[]>([
    ['host', ['eth0', ...bridges.map(({ name }) => name)]],
    [outsideName, ['up0']],
    ...containers.map(({ name }) => [name, ['eth0']] as const),
  ]);
  await Promise.all(
    [...devices].map(([name, devs]) =>
      place.agent(name).ask({
        kind: 'sysctls',
        settings: devs.map((dev) => `net.ipv4.neigh.${dev}.retrans_time_ms=100`),
      }),
    ),
  );
}

/** As Docker makes it: 02:42 and the address. */
function containerMac(address: string): string {
  const bytes = (address.split('/')[0] ?? '')
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return ['02', '42', ...bytes].join(':');
}

/** The kernel enables ports and carriers a little after their links come up (net/core/link_watch.c). */
async function portsForward(place: Place): Promise<void> {
  const deadline = Date.now() + 5000;
  while (Date.now() < deadline) {
    const links = JSON.parse(await place.run('host', ['ip', '-j', '-d', 'link', 'show'])) as {
      readonly link_type: string;
      readonly operstate: string;
      readonly linkinfo?: { readonly info_slave_data?: { readonly state: string } };
    }[];
    const ready = links.every(
      ({ link_type, operstate, linkinfo }) =>
        link_type === 'loopback' ||
        (operstate === 'UP' && (linkinfo?.info_slave_data?.state ?? 'forwarding') === 'forwarding'),
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('the links did not come up');
}

async function fillHost(place: Place, hostCase: HostCase): Promise<void> {
  await place.agent('host').ask({ kind: 'sysctls', settings: hostCase.sysctls });
  const ip = [
    ...hostCase.routes.map((line) => `route add ${line}`),
    ...hostCase.policyRules.map((line) => `rule add ${line}`),
  ];
  if (ip.length > 0) await place.run('host', ['ip', '-batch', '-'], ip.map((line) => `${line}\n`).join(''));
  if (hostCase.iptables.length > 0)
    await place.run('host', ['iptables-nft-restore'], restoreText(hostCase.iptables));
  if (hostCase.nft.length > 0) await place.run('host', ['nft', '-f', '-'], hostCase.nft.join('\n'));
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

async function listen(place: Place, { bridges, containers }: HostCase): Promise<void> {
  const bare = (address: string) => address.split('/')[0] ?? '';
  const ask = (
    name: string,
    ports: { tcp: readonly number[]; udp: readonly number[] },
    addresses: string[],
  ) => place.agent(name).ask({ kind: 'listen', name, ...ports, addresses });
  const far = outsideDescription.links.flatMap((link) => link.addresses.map(bare));
  await Promise.all([
    ask('host', services.host, ['127.0.0.1', hostUplink, ...bridges.map(({ address }) => bare(address))]),
    ask(outsideName, services.outside, far),
    ...containers.map(({ name, address }) => ask(name, services.container, ['127.0.0.1', bare(address)])),
  ]);
}
