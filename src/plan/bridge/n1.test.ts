/**
 * N1 against what dockerd 29.7.2 made with nftables: tables from captures of it, the rest from moby's nftabler.
 */
import { describe, expect, it } from 'vitest';
import {
  defaultBridge,
  type HostSpec,
  planOf,
  severalNetworks,
  webHosts,
} from '../../../test/support/plan.ts';
import { printNft } from '../../firewall/nft/print.ts';
import { ipv4 } from '../../net/addr.ts';
import type { Plan } from '../plan.ts';

const engine = '29.7.2';

/** daemon.json with the nftables backend and these settings. */
function config(more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ 'firewall-backend': 'nftables', ...more });
}

const web = webHosts(engine);

function plan(spec: Partial<HostSpec>): Plan {
  return planOf({ engine, config: config(), ...spec });
}

/** Rules and elements of one family: `nat-PREROUTING fib daddr type local ...`, `filter-forward-in-jumps "docker0" : jump ...`. */
function rulesOf({ nft }: Plan, family: 'ip' | 'ip6' = 'ip'): readonly string[] {
  let block = '';
  const listing = printNft(nft.tables.filter((table) => table.family === family));
  return listing.split('\n').flatMap((line) => {
    const name = /^\t(?:chain|map) (\S+) \{$/.exec(line)?.[1];
    if (name !== undefined) block = name;
    const text = /^\t\t(?!type )(?:\t {5}|elements = \{ )?(.*?)(?:,| \})?$/.exec(line)?.[1];
    return text === undefined ? [] : [`${block} ${text}`];
  });
}

/** Rules that `spec` has and `plain` has not, and the other way round. */
function changes(plain: Plan, changed: Plan, family: 'ip' | 'ip6' = 'ip') {
  const [before, after] = [rulesOf(plain, family), rulesOf(changed, family)];
  return {
    gone: before.filter((rule) => !after.includes(rule)),
    come: after.filter((rule) => !before.includes(rule)),
  };
}

const plain = planOf(web(config()));

function changed(settings: Readonly<Record<string, unknown>>, more: Partial<HostSpec> = {}) {
  return changes(plain, planOf(web(config(settings), undefined, more)));
}

describe('tables', () => {
  it('are those of a capture, chains in the order in which they are made', () => {
    expect(printNft(plain.nft.tables.filter(({ family }) => family === 'ip'))).toBe(`table ip docker-bridges {
	map filter-forward-in-jumps {
		type ifname : verdict
		elements = { "docker0" : jump filter-forward-in__docker0 }
	}

	map filter-forward-out-jumps {
		type ifname : verdict
		elements = { "docker0" : jump filter-forward-out__docker0 }
	}

	map nat-postrouting-in-jumps {
		type ifname : verdict
		elements = { "docker0" : jump nat-postrouting-in__docker0 }
	}

	map nat-postrouting-out-jumps {
		type ifname : verdict
		elements = { "docker0" : jump nat-postrouting-out__docker0 }
	}

	chain filter-FORWARD {
		type filter hook forward priority filter; policy accept;
		oifname vmap @filter-forward-in-jumps
		iifname vmap @filter-forward-out-jumps
	}

	chain nat-OUTPUT {
		type nat hook output priority dstnat; policy accept;
		ip daddr != 127.0.0.0/8 fib daddr type local counter jump nat-prerouting-and-output
	}

	chain nat-POSTROUTING {
		type nat hook postrouting priority srcnat; policy accept;
		iifname vmap @nat-postrouting-out-jumps
		oifname vmap @nat-postrouting-in-jumps
	}

	chain nat-PREROUTING {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local counter jump nat-prerouting-and-output
	}

	chain nat-prerouting-and-output {
		iifname != "docker0" tcp dport 8080 counter dnat to 172.17.0.2:80 comment "DNAT"
	}

	chain raw-PREROUTING {
		type filter hook prerouting priority raw; policy accept;
		ip daddr 172.17.0.2 iifname != "docker0" counter drop comment "DROP DIRECT ACCESS"
	}

	chain filter-forward-in__docker0 {
		ct state established,related counter accept
		iifname "docker0" counter accept comment "ICC"
		ip daddr 172.17.0.2 tcp dport 80 counter accept
		counter drop comment "UNPUBLISHED PORT DROP"
	}

	chain filter-forward-out__docker0 {
		ct state established,related counter accept
		counter accept comment "OUTGOING"
	}

	chain nat-postrouting-in__docker0 {
	}

	chain nat-postrouting-out__docker0 {
		oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade comment "MASQUERADE"
	}
}
`);
  });

  it('exist for the families that have rules, and iptables has none', () => {
    const families = (settings: object) =>
      plan({ config: config({ ...settings }) }).nft.tables.map((t) => t.family);
    expect(families({})).toEqual(['ip', 'ip6']);
    expect(families({ ip6tables: false })).toEqual(['ip']);
    expect(families({ iptables: false, ip6tables: false })).toEqual([]);
    expect(plain).toMatchObject({ operations: [], ruleset: { tables: [] }, unmodelled: [] });
    expect(planOf(web('{}')).nft.tables).toEqual([]);
  });

  it('everything has a reason', () => {
    const parts = plan(severalNetworks(engine)).nft.tables.flatMap((table) => [
      table,
      ...table.chains,
      ...table.chains.flatMap(({ rules }) => rules),
      ...table.sets,
      ...table.sets.flatMap(({ elements }) => elements),
    ]);
    expect(parts.length).toBeGreaterThan(60);
    expect(parts.filter(({ reason }) => (reason?.because.length ?? 0) === 0)).toEqual([]);
  });
});

describe('settings of the daemon', () => {
  it('ip-masq', () => {
    expect(changed({ 'ip-masq': false })).toEqual({
      gone: [
        'nat-postrouting-out__docker0 oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade comment "MASQUERADE"',
      ],
      come: [],
    });
  });

  it('icc', () => {
    expect(changed({ icc: false })).toEqual({
      gone: ['filter-forward-in__docker0 iifname "docker0" counter accept comment "ICC"'],
      come: ['filter-forward-in__docker0 iifname "docker0" counter drop comment "ICC"'],
    });
  });

  it('userland-proxy', () => {
    expect(changed({ 'userland-proxy': false })).toEqual({
      gone: [
        'nat-OUTPUT ip daddr != 127.0.0.0/8 fib daddr type local counter jump nat-prerouting-and-output',
        'nat-prerouting-and-output iifname != "docker0" tcp dport 8080 counter dnat to 172.17.0.2:80 comment "DNAT"',
      ],
      come: [
        'nat-OUTPUT fib daddr type local counter jump nat-prerouting-and-output',
        'nat-prerouting-and-output tcp dport 8080 counter dnat to 172.17.0.2:80 comment "DNAT"',
        'nat-postrouting-in__docker0 fib saddr type local counter masquerade comment "MASQUERADE FROM HOST"',
        'nat-postrouting-in__docker0 ip saddr 172.17.0.2 ip daddr 172.17.0.2 tcp dport 80 counter masquerade comment "MASQ TO OWN PORT"',
      ],
    });
  });

  it('allow-direct-routing and bridge-accept-fwmark', () => {
    expect(changed({ 'allow-direct-routing': true })).toMatchObject({
      gone: [expect.stringContaining('DROP DIRECT ACCESS')],
      come: [],
    });
    const accepted = (mark: string) => changed({ 'bridge-accept-fwmark': mark }).come;
    const rule = (mark: string) =>
      `filter-forward-in__docker0 meta mark ${mark} counter accept comment "ALLOW FW MARK"`;
    expect(accepted('7')).toEqual([rule('0x00000007')]);
    expect(accepted('0x10/0xff')).toEqual([rule('& 0x000000ff == 0x00000010')]);
    expect(accepted('')).toEqual([]);
  });

  it('writes no forwarding, which the administrator has to turn on', () => {
    expect([...plain.sysctls.keys()]).toEqual([]);
    const hairpin = planOf(web(config({ 'userland-proxy': false })));
    expect([...hairpin.sysctls.keys()]).toContain('net.bridge.bridge-nf-call-iptables');
  });
});

describe('networks', () => {
  const on = (options: Readonly<Record<string, string>>, more: Partial<HostSpec> = {}) =>
    plan({
      networks: [{ name: 'n', subnet: '172.18.0.0/16', options }],
      containers: [{ name: 'u', on: { n: '172.18.0.2/16' }, ports: ['8080:80/tcp'] }],
      ...more,
    });
  const base = on({});
  const label = (name: string) => `com.docker.network.bridge.${name}`;

  it('routed: no translation, ping comes in, nothing guards the address', () => {
    expect(changes(base, on({ [label('gateway_mode_ipv4')]: 'routed' }))).toEqual({
      gone: [
        'nat-prerouting-and-output iifname != "br-n" tcp dport 8080 counter dnat to 172.18.0.2:80 comment "DNAT"',
        'raw-PREROUTING ip daddr 172.18.0.2 iifname != "br-n" counter drop comment "DROP DIRECT ACCESS"',
        'nat-postrouting-out__br-n oifname != "br-n" ip saddr 172.18.0.0/16 counter masquerade comment "MASQUERADE"',
      ],
      come: ['filter-forward-in__br-n ip protocol icmp counter accept comment "ICMP"'],
    });
  });

  it('unprotected: everything comes in', () => {
    expect(changes(base, on({ [label('gateway_mode_ipv4')]: 'nat-unprotected' }))).toEqual({
      gone: [
        'raw-PREROUTING ip daddr 172.18.0.2 iifname != "br-n" counter drop comment "DROP DIRECT ACCESS"',
        'filter-forward-in__br-n ip daddr 172.18.0.2 tcp dport 80 counter accept',
        'filter-forward-in__br-n counter drop comment "UNPUBLISHED PORT DROP"',
      ],
      come: ['filter-forward-in__br-n counter accept comment "UNPROTECTED"'],
    });
  });

  it('internal: in and out of the network alone, no ports', () => {
    const inside = plan({
      networks: [{ name: 'n', subnet: '172.18.0.0/16', internal: true }],
      containers: [{ name: 'u', on: { n: '172.18.0.2/16' }, ports: ['8080:80/tcp'] }],
    });
    expect(rulesOf(inside).filter((rule) => rule.includes('__br-n ') || rule.startsWith('raw'))).toEqual([
      'filter-forward-in__br-n ct state established,related counter accept',
      'filter-forward-in__br-n iifname != "br-n" counter drop comment "INTERNAL NETWORK INGRESS"',
      'filter-forward-in__br-n counter accept comment "ICC"',
      'filter-forward-out__br-n ct state established,related counter accept',
      'filter-forward-out__br-n oifname != "br-n" counter drop comment "INTERNAL NETWORK EGRESS"',
    ]);
  });

  it('a source address of its own, trusted interfaces, no masquerading', () => {
    expect(changes(base, on({ 'com.docker.network.host_ipv4': '203.0.113.2' })).come).toEqual([
      'nat-postrouting-out__br-n oifname != "br-n" ip saddr 172.18.0.0/16 counter snat to 203.0.113.2 comment "SNAT"',
    ]);
    const hairpin = { config: config({ 'userland-proxy': false }) };
    expect(
      changes(on({}, hairpin), on({ 'com.docker.network.host_ipv4': '203.0.113.2' }, hairpin)).come,
    ).toContain(
      'nat-postrouting-in__br-n fib saddr type local counter snat to 203.0.113.2 comment "SNAT FROM HOST"',
    );
    expect(changes(base, on({ [label('trusted_host_interfaces')]: 'zz0:eth0' })).come).toEqual([
      'raw-PREROUTING ip daddr 172.18.0.2 iifname != { "br-n", "eth0", "zz0" } counter drop comment "DROP DIRECT ACCESS"',
    ]);
    expect(changes(base, on({ [label('enable_ip_masquerade')]: 'false' })).gone).toHaveLength(1);
  });

  it('IPv6', () => {
    const six = plan({
      networks: [{ name: 'n', subnet6: 'fd00:18::/64' }],
      containers: [{ name: 'u', on: { n: 'fd00:18::2/64' }, ports: ['8080:80/tcp'] }],
    });
    expect(rulesOf(six).filter((rule) => rule.includes('br-n'))).toEqual([]);
    expect(rulesOf(six, 'ip6')).toEqual(
      expect.arrayContaining([
        'nat-OUTPUT ip6 daddr != ::1 fib daddr type local counter jump nat-prerouting-and-output',
        'nat-prerouting-and-output iifname != "br-n" ip6 saddr != fe80::/10 tcp dport 8080 counter dnat to [fd00:18::2]:80 comment "DNAT"',
        'raw-PREROUTING ip6 daddr fd00:18::2 iifname != "br-n" counter drop comment "DROP DIRECT ACCESS"',
        'nat-postrouting-out__br-n oifname != "br-n" ip6 saddr fd00:18::/64 counter masquerade comment "MASQUERADE"',
      ]),
    );
    const routed = plan({
      networks: [{ name: 'n', subnet6: 'fd00:18::/64', options: { [label('gateway_mode_ipv6')]: 'routed' } }],
    });
    expect(rulesOf(routed, 'ip6')).toContain(
      'filter-forward-in__br-n meta l4proto ipv6-icmp counter accept comment "ICMP"',
    );
  });
});

describe('ports', () => {
  const published = (...ports: readonly string[]) =>
    changes(planOf(web(config(), [])), planOf(web(config(), ports)));

  it('on one address, of other protocols', () => {
    expect(published('203.0.113.2:8080:80/udp', '7000:7000/sctp').come).toEqual([
      'nat-prerouting-and-output iifname != "docker0" ip daddr 203.0.113.2 udp dport 8080 counter dnat to 172.17.0.2:80 comment "DNAT"',
      'nat-prerouting-and-output iifname != "docker0" sctp dport 7000 counter dnat to 172.17.0.2:7000 comment "DNAT"',
      'filter-forward-in__docker0 ip daddr 172.17.0.2 udp dport 80 counter accept',
      'filter-forward-in__docker0 ip daddr 172.17.0.2 sctp dport 7000 counter accept',
    ]);
  });

  it('on loopback: kept from elsewhere, and left to Windows where it mirrors its network', () => {
    const drop =
      'raw-PREROUTING iifname != "lo" ip daddr 127.0.0.1 tcp dport 8080 counter drop comment "DROP REMOTE LOOPBACK"';
    expect(published('127.0.0.1:8080:80/tcp').come).toContain(drop);
    const mirrored = rulesOf(planOf(web(config(), ['127.0.0.1:8080:80/tcp'], { mirroredLoopback: true })));
    expect(mirrored).toContain(
      'nat-prerouting-and-output iifname "loopback0" ip daddr 127.0.0.0/8 counter return',
    );
    expect(mirrored[mirrored.indexOf(drop) - 1]).toBe(
      'raw-PREROUTING iifname "loopback0" ip daddr 127.0.0.1 tcp dport 8080 counter accept comment "ACCEPT WSL2 LOOPBACK"',
    );
  });

  it('two of the host for one of the container are opened once, and translated each', () => {
    const { come } = published('8080:80/tcp', '8081:80/tcp');
    expect(come.filter((rule) => rule.includes('filter-forward-in'))).toHaveLength(1);
    expect(come.filter((rule) => rule.includes('dnat'))).toHaveLength(2);
  });

  it('that only the proxy leads to are opened, but not translated', () => {
    expect(published('[::1]:8080:80/tcp').come).toEqual([
      'filter-forward-in__docker0 ip daddr 172.17.0.2 tcp dport 80 counter accept',
    ]);
  });
});

it('links open what is exposed, where containers may not talk', () => {
  const linked = (icc: boolean) => {
    return rulesOf(
      plan({
        config: config({ icc }),
        networks: [defaultBridge],
        containers: [
          {
            name: 'a',
            on: { bridge: '172.17.0.3/16' },
            links: [{ address: ipv4(0xac110005), ports: [{ protocol: 'tcp', port: 80 }] }],
          },
        ],
      }),
    ).filter((rule) => rule.includes('172.17.0.3') && rule.startsWith('filter'));
  };
  expect(linked(true)).toEqual([]);
  expect(linked(false)).toEqual([
    'filter-forward-in__docker0 ip saddr 172.17.0.3 ip daddr 172.17.0.5 tcp dport 80 counter accept',
    'filter-forward-in__docker0 ip saddr 172.17.0.5 tcp sport 80 ip daddr 172.17.0.3 counter accept',
  ]);
});

it('networks stand in the order in which they were made, their elements by name', () => {
  const { nft } = plan(severalNetworks(engine));
  const own = nft.tables[0]?.chains
    .map(({ name }) => name)
    .filter((name) => name.startsWith('filter-forward-in'));
  expect(own).toEqual(
    ['docker0', 'br-neta', 'br-int', 'br-netb'].map((bridge) => `filter-forward-in__${bridge}`),
  );
  const keys = nft.tables[0]?.sets[0]?.elements.map(({ key }) => (key.kind === 'literal' ? key.value : ''));
  expect(keys).toEqual(['br-int', 'br-neta', 'br-netb', 'docker0']);
});
