/**
 * The doctor beside a real dockerd with containers on several networks: healthy, then one fault after another. After each its first
 * finding is true; after its own commands, or what undoes the fault, it is healthy again; and it leaves the host as it was. LIVE=whole
 * has 20 containers and all faults (`npm run live`), else a few.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Holder, hold, inNamespace } from '../../src/kernel/namespace.ts';
import { mustRun, run } from '../../src/kernel/process.ts';
import { program } from '../e2e/program.ts';
import { type Dockerd, dockerdUnavailable, image, startDockerd } from '../support/dockerd.ts';
import { wire } from '../support/uplink.ts';

const unavailable = dockerdUnavailable();
if (unavailable !== undefined) console.warn(`skipped: ${unavailable}`);

const whole = process.env.LIVE === 'whole';
const networks = ['bridge', 'front', 'middle', 'wide'];
/** As many on each network; every second one publishes a port. */
const containers = Array.from({ length: whole ? 20 : 4 }, (_, index) => ({
  name: `c${index}`,
  network: networks[index % networks.length] ?? 'bridge',
  publishes: index % 2 === 0 ? 8000 + index : undefined,
}));

interface Fault {
  readonly name: string;
  /** Run in the host's namespace; `$VETH` is the bridge port of c0, `$CONTAINER` its process, `$PROXY` its proxy's. */
  readonly break: string;
  /** Slugs that are true. */
  readonly causes: readonly string[];
  /** Where the doctor has no command: what undoes it. */
  readonly undo?: string;
  /** Also asked where only some are. */
  readonly always?: true;
}

const faults: readonly Fault[] = [
  {
    name: 'forwarding is off',
    break: 'echo 0 > /proc/sys/net/ipv4/ip_forward',
    causes: ['ip-forward-off'],
    always: true,
  },
  {
    name: 'the nat table is flushed',
    break: 'iptables -t nat -F',
    causes: ['rules-flushed', 'masquerade-rule-missing'],
  },
  {
    name: 'DOCKER-USER drops',
    break: 'iptables -I DOCKER-USER -i docker0 -j DROP',
    causes: ['foreign-rule-drops'],
  },
  { name: 'a bridge is down', break: 'ip link set docker0 down', causes: ['bridge-down'] },
  {
    name: 'a bridge port is detached',
    break: 'ip link set "$VETH" nomaster',
    causes: ['veth-detached'],
    always: true,
  },
  {
    name: 'FORWARD drops first',
    break: 'iptables -I FORWARD -j DROP',
    causes: ['forward-rule-before-docker', 'foreign-rule-drops'],
  },
  {
    name: 'a table of somebody else drops',
    break:
      "nft -f - <<'END'\ntable inet own {\n chain forward {\n type filter hook forward priority 10; policy drop;\n }\n}\nEND",
    causes: ['extra-base-chain-drops'],
  },
  {
    name: 'the uplink does not forward',
    break: 'echo 0 > /proc/sys/net/ipv4/conf/eth0/forwarding',
    causes: ['interface-forwarding-off'],
  },
  {
    name: 'a route leads elsewhere',
    break: 'ip route add blackhole 198.51.100.0/24',
    causes: ['route-refuses'],
  },
  {
    name: 'a container has no default route',
    break: 'nsenter -n -t "$CONTAINER" ip route del default',
    causes: ['container-route-wrong'],
    always: true,
  },
  {
    name: 'a docker-proxy is gone',
    break: 'kill "$PROXY"',
    causes: ['userland-proxy-missing'],
    undo: 'docker restart -t 0 c0',
  },
  {
    name: 'mangle drops',
    break: 'iptables -t mangle -I FORWARD -j DROP',
    causes: ['foreign-rule-drops'],
  },
  {
    name: 'the gateway has a wrong neighbour entry',
    break: 'ip neigh replace 203.0.113.1 lladdr 02:00:00:00:00:99 nud permanent dev eth0',
    causes: ['stale-neighbour'],
  },
  {
    name: 'INPUT drops what containers ask of the host',
    break: 'iptables -I INPUT -i docker0 -j DROP',
    causes: ['input-blocks-container-to-host', 'foreign-rule-drops'],
  },
];

interface DoctorJson {
  readonly healthy: boolean;
  readonly asked: number;
  readonly findings: readonly {
    readonly cause: string;
    readonly severity: string;
    readonly repair: readonly { readonly kind: string; readonly change: string }[];
  }[];
}

describe.skipIf(unavailable !== undefined)(
  `the doctor beside a dockerd with ${containers.length} containers`,
  () => {
    let dockerd: Dockerd;
    let outside: Holder;

    beforeAll(async () => {
      dockerd = await startDockerd();
      outside = await hold({ namespace: 'new' });
      await wire(dockerd.netns, outside.path);
      // Else addresses of links become usable seconds later, and the host changes by itself meanwhile.
      for (const dev of ['all', 'default']) await shell(`echo 0 > /proc/sys/net/ipv6/conf/${dev}/accept_dad`);
      const { docker } = dockerd;
      for (const [index, network] of networks.slice(1).entries())
        await docker('network', 'create', network, '--subnet', `10.${index + 1}.0.0/24`);
      for (const { name, network, publishes } of containers) {
        const published = publishes === undefined ? [] : ['-p', `${publishes}:80`];
        const settings = ['--name', name, '--network', network, '--stop-signal', 'KILL', ...published];
        await docker('run', '-d', ...settings, image, 'httpd', '-f', '-p', '80');
      }
    }, 300_000);

    afterAll(async () => {
      await Promise.all([dockerd?.stop(), outside?.release()]);
    });

    const doctor = async (): Promise<DoctorJson> => {
      const { stdout, stderr } = await run({
        argv: [program, 'doctor', '--json', '--netns', dockerd.netns],
      });
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout) as DoctorJson;
    };

    /** As somebody with a root shell on that host. */
    const shell = async (script: string, env: Readonly<Record<string, string>> = {}): Promise<void> => {
      const [, pid = ''] = /^\/proc\/(\d+)\//.exec(dockerd.netns) ?? [];
      const argv = ['nsenter', '--target', pid, '--net', '--mount', '--pid', '--', 'sh', '-ec', script];
      await mustRun({ argv }, { env: { DOCKER_HOST: `unix://${dockerd.socket}`, ...env } });
    };
    const shellThere = async (script: string) => shell(script, await handles());

    async function handles(): Promise<Readonly<Record<string, string>>> {
      const inspected = await dockerd.docker('inspect', '-f', '{{.State.Pid}}', 'c0');
      const index = await dockerd.docker('exec', 'c0', 'cat', '/sys/class/net/eth0/iflink');
      const { stdout } = await mustRun({ argv: inNamespace(dockerd.netns, ['ip', '-j', 'link']) });
      const links = JSON.parse(stdout) as readonly { readonly ifindex: number; readonly ifname: string }[];
      const veth = links.find(({ ifindex }) => ifindex === Number(index.trim()))?.ifname ?? '';
      return { CONTAINER: inspected.trim(), VETH: veth, PROXY: proxyPid() };
    }

    it('is healthy at first', async () => {
      const { healthy, findings, asked } = await doctor();
      expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
      expect(healthy).toBe(true);
      expect(asked).toBeGreaterThan(containers.length * 3);
    });

    it('leaves the host as it was', async () => {
      const before = await settledState(dockerd.netns);
      await doctor();
      expect(await stateOf(dockerd.netns)).toEqual(before);
      // There is something to compare.
      expect(before.join('\n')).toContain('-A DOCKER-USER -j RETURN');
    });

    it.each(faults.filter(({ always }) => whole || always === true))(
      'names what is wrong, and mends it: $name',
      { timeout: 180_000 },
      async (fault) => {
        await shellThere(fault.break);
        const before = await settledState(dockerd.netns);
        const { healthy, findings } = await doctor();
        expect(await stateOf(dockerd.netns)).toEqual(before);
        expect(healthy).toBe(false);
        const [first] = findings;
        expect(fault.causes).toContain(first?.cause);
        const repair = first?.repair.find(({ kind }) => kind !== 'config');
        const mend = fault.undo ?? repair?.change;
        expect(mend, JSON.stringify(first)).toBeDefined();
        await shellThere(mend ?? '');
        await settledState(dockerd.netns);
        const after = await doctor();
        expect(after.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
        expect(after.healthy).toBe(true);
      },
    );
  },
);

/** The pid, as its host sees it, of the proxy for c0's IPv4 port. */
function proxyPid(): string {
  const proxy = readdirSync('/proc').find((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return (
        words.at(0)?.endsWith('docker-proxy') === true && words.includes('8000') && words.includes('0.0.0.0')
      );
    } catch {
      return false;
    }
  });
  if (proxy === undefined) return '';
  return /^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${proxy}/status`, 'utf8'))?.[1] ?? '';
}

/** The state once links and their addresses have come to rest. */
async function settledState(netns: string): Promise<readonly string[]> {
  for (let before = await stateOf(netns); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const now = await stateOf(netns);
    if (now.join() === before.join()) return now;
    before = now;
  }
}

/** Everything of a host that a look at it could change, without what changes by itself. */
async function stateOf(netns: string): Promise<readonly string[]> {
  const looks = [
    ['iptables-nft-save'],
    ['ip6tables-nft-save'],
    ['iptables-legacy-save'],
    ['ip6tables-legacy-save'],
    ['nft', '-s', 'list', 'ruleset'],
    ['ip', 'link'],
    ['bridge', '-d', 'link'],
    ['ip', 'addr'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['ip', '-6', 'route', 'show', 'table', 'all'],
    ['ip', 'rule'],
    ['cat', '/proc/net/ip_tables_names', '/proc/net/ip6_tables_names', '/proc/net/arp_tables_names'],
    ['ls', '/sys/module'],
    ['grep', '-rs', '', '/proc/sys/net', '/proc/sys/kernel/modprobe'],
  ];
  const said = await Promise.all(looks.map((argv) => run({ argv: inNamespace(netns, argv) })));
  return said.map(({ stdout }) =>
    stdout
      .split('\n')
      // The day, counters, and the count of connections that are known.
      .filter((line) => !line.startsWith('#') && !/nf_conntrack_count|stable_secret/.test(line))
      .map((line) => line.replace(/\[\d+:\d+\]/g, '').replace(/expires \d+sec/, ''))
      .join('\n'),
  );
}
