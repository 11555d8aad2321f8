import { describe, expect, test } from 'vitest';
import { addr, dockerHost, type NamespaceSpec, table } from '../../test/fixtures/host.ts';
import { formatAddr } from '../net/addr.ts';
import { Conntrack } from './conntrack.ts';
import { Decisions, forEachBranch } from './decisions.ts';
import { type Hook, runHook, type Verdict } from './hooks.ts';
import { answerTo, invert, makePacket, type Packet, tcpFlag, tupleOf } from './packet.ts';
import type { Step } from './trace.ts';
import { HookView } from './view.ts';
import { makeWorld, type Node } from './world.ts';

/** A host whose hooks are run one by one; connections are remembered between runs. */
class Host {
  readonly steps: Step[] = [];
  readonly node: Node;
  private readonly conntrack = new Conntrack();
  private readonly decisions: Decisions;

  constructor(rules: string, change: Partial<NamespaceSpec> = {}, decisions = new Decisions([])) {
    const [node] = makeWorld(dockerHost({ host: { rules, ...change } }), undefined).nodes;
    if (node === undefined) throw new Error('no namespace');
    this.node = node;
    this.decisions = decisions;
  }

  run(
    hook: Hook,
    packet: Packet,
    way: { readonly in?: string; readonly out?: string; readonly nexthop?: string } = {},
  ): Verdict {
    const { node, conntrack, decisions, steps } = this;
    const at = {
      inDev: node.byName.get(way.in ?? ''),
      outDev: node.byName.get(way.out ?? ''),
      physIn: undefined,
      physOut: undefined,
      nexthop: way.nexthop === undefined ? undefined : addr(way.nexthop),
    };
    const view = new HookView(node, packet, at, undefined, decisions);
    const recorder = { isOn: true, step: (step: Step) => steps.push(step) };
    const context = { node, conntrack, decisions, view, recorder };
    return runHook(context, hook, packet, at);
  }

  /** Through PREROUTING, FORWARD and POSTROUTING. */
  forward(packet: Packet, from = 'docker0', to = 'eth0'): string {
    for (const [hook, way] of [
      ['PREROUTING', { in: from }],
      ['FORWARD', { in: from, out: to }],
      ['POSTROUTING', { out: to, nexthop: '203.0.113.1' }],
    ] as const) {
      const verdict = this.run(hook, packet, way);
      if (verdict.kind !== 'accept') return `${hook}: ${text(verdict)}`;
    }
    return ends(packet);
  }
}

function text(verdict: Verdict): string {
  if (verdict.kind === 'accept') return 'accept';
  const rule = verdict.rule === undefined ? '' : ` ${verdict.rule.backend} ${verdict.rule.position}`;
  return verdict.kind === 'drop'
    ? `${verdict.where} ${verdict.why}${rule}`
    : `${verdict.where} ${verdict.with}${rule}`;
}

function ends({ src, sport, dst, dport }: Packet): string {
  return `${formatAddr(src)}:${sport} > ${formatAddr(dst)}:${dport}`;
}

function syn(more: Partial<Packet> = {}): Packet {
  return makePacket({
    src: addr('172.17.0.2'),
    dst: addr('198.51.100.7'),
    protocol: 'tcp',
    sport: 40_000,
    dport: 443,
    tcpFlags: tcpFlag.syn,
    ...more,
  });
}

const unchanged = '172.17.0.2:40000 > 198.51.100.7:443';

/** The verdict of FORWARD in a filter table of these lines. */
function forwarded(...lines: string[]): string {
  return text(new Host(table('filter', ...lines)).run('FORWARD', syn(), { in: 'docker0', out: 'eth0' }));
}

describe('chains', () => {
  test.each<[string, string[], string]>([
    [
      'the first rule that matches and decides',
      ['-A FORWARD -i eth0 -j DROP', '-A FORWARD -j ACCEPT', '-A FORWARD -j DROP'],
      'accept',
    ],
    [
      'the policy at the end',
      ['-P FORWARD DROP', '-A FORWARD -i eth0 -j ACCEPT'],
      'filter/FORWARD policy DROP iptables-nft 0',
    ],
    [
      'a rule without a target decides nothing',
      ['-P FORWARD DROP', '-A FORWARD -i docker0'],
      'filter/FORWARD policy DROP iptables-nft 0',
    ],
    [
      'RETURN from a built-in chain is its policy',
      ['-P FORWARD DROP', '-A FORWARD -j RETURN', '-A FORWARD -j ACCEPT'],
      'filter/FORWARD policy DROP iptables-nft 0',
    ],
    [
      'RETURN goes on after the jump',
      ['-N A', '-A FORWARD -j A', '-A FORWARD -j DROP', '-A A -j RETURN', '-A A -j ACCEPT'],
      'filter/FORWARD DROP iptables-nft 2',
    ],
    [
      'so does the end of a chain',
      ['-N A', '-A FORWARD -j A', '-A FORWARD -j DROP', '-A A -i eth0 -j ACCEPT'],
      'filter/FORWARD DROP iptables-nft 2',
    ],
    [
      'a drop names the chain it stands in',
      ['-N A', '-A FORWARD -j A', '-A A -i eth0 -j DROP', '-A A -j DROP'],
      'filter/A DROP iptables-nft 2',
    ],
    [
      'goto does not come back to the chain it left',
      ['-N A', '-A FORWARD -g A', '-A FORWARD -j DROP', '-A A -i eth0 -j DROP'],
      'accept',
    ],
    [
      'but to the one that had jumped there',
      [
        '-N A',
        '-N B',
        '-A FORWARD -j A',
        '-A FORWARD -j DROP',
        '-A A -g B',
        '-A A -j ACCEPT',
        '-A B -j RETURN',
      ],
      'filter/FORWARD DROP iptables-nft 2',
    ],
    [
      'over two gotos too',
      ['-N A', '-N B', '-A FORWARD -g A', '-A FORWARD -j DROP', '-A A -g B', '-A A -j DROP'],
      'accept',
    ],
    [
      'targets that only observe',
      ['-P FORWARD DROP', '-A FORWARD -j LOG', '-A FORWARD -j NFLOG', '-A FORWARD -j ACCEPT'],
      'accept',
    ],
    [
      'REJECT',
      ['-A FORWARD -j REJECT --reject-with icmp-port-unreachable'],
      'filter/FORWARD icmp-port-unreachable iptables-nft 1',
    ],
    [
      'REJECT in its default form',
      ['-A FORWARD -j REJECT'],
      'filter/FORWARD icmp-port-unreachable iptables-nft 1',
    ],
    [
      'REJECT with another code',
      ['-A FORWARD -j REJECT --reject-with icmp-host-prohibited'],
      'filter/FORWARD icmp-host-prohibited iptables-nft 1',
    ],
    [
      'REJECT with a reset',
      ['-A FORWARD -p tcp -j REJECT --reject-with tcp-reset'],
      'filter/FORWARD tcp-reset iptables-nft 1',
    ],
  ])('%s', (_, lines, verdict) => {
    expect(forwarded(...lines)).toBe(verdict);
  });

  test('chains that jump in a circle end in a drop', () => {
    expect(forwarded('-N A', '-N B', '-A FORWARD -j A', '-A A -j B', '-A B -j A')).toContain('chains loop');
  });

  test('what was hit is recorded, chain by chain, with positions', () => {
    const host = new Host(
      table('filter', '-N A', '-A FORWARD -i eth0 -j DROP', '-A FORWARD -j A', '-A A -j ACCEPT'),
    );
    host.run('FORWARD', syn(), { in: 'docker0', out: 'eth0' });
    const [step] = host.steps;
    expect(step).toMatchObject({ kind: 'hook', table: 'filter', chain: 'FORWARD', verdict: 'ACCEPT' });
    expect(step?.kind === 'hook' && step.rules.map((r) => [r.chain, r.position])).toEqual([
      ['FORWARD', 2],
      ['A', 1],
    ]);
  });
});

describe('both backends and all tables', () => {
  const drop = table('filter', '-A FORWARD -j DROP');
  const pass = table('filter', '-A FORWARD -j ACCEPT');
  const both = (rules: string, legacyRules: string) =>
    text(new Host(rules, { legacyRules }).run('FORWARD', syn(), { in: 'docker0', out: 'eth0' }));

  test('both must accept', () => {
    expect(both(pass, pass)).toBe('accept');
    expect(both(pass, drop)).toBe('filter/FORWARD DROP iptables-legacy 1');
    expect(both(drop, pass)).toBe('filter/FORWARD DROP iptables-nft 1');
  });

  test.each<[Hook, string[], string]>([
    ['PREROUTING', ['raw', 'mangle', 'nat'], 'raw mangle nat'],
    ['INPUT', ['nat', 'security', 'filter', 'mangle'], 'mangle filter security nat'],
    ['FORWARD', ['security', 'filter', 'mangle'], 'mangle filter security'],
    ['OUTPUT', ['security', 'filter', 'nat', 'mangle', 'raw'], 'raw mangle nat filter security'],
    ['POSTROUTING', ['nat', 'mangle'], 'mangle nat'],
  ])('%s asks the tables by priority', (hook, tables, order) => {
    const host = new Host(tables.map((name) => table(name, `-A ${hook} -j LOG`)).join(''));
    const packet = syn();
    new Conntrack().track(packet);
    expect(text(host.run(hook, packet))).toBe('accept');
    expect(host.steps.flatMap((s) => (s.kind === 'hook' ? [s.table] : [])).join(' ')).toBe(order);
  });

  test('a table of the other family is not asked', () => {
    const host = new Host('');
    const six = makePacket({ src: addr('2001:db8::2'), dst: addr('2001:db8::7'), protocol: 'udp' });
    expect(text(new Host(drop).run('FORWARD', six))).toBe('accept');
    expect(text(host.run('FORWARD', six))).toBe('accept');
  });
});

describe('targets', () => {
  const of = (rules: string, hook: Hook, packet: Packet, more: Partial<NamespaceSpec> = {}) => {
    const host = new Host(rules, more);
    const verdict = host.run(hook, packet, hook === 'PREROUTING' ? { in: 'eth0' } : { out: 'eth0' });
    return { verdict: text(verdict), packet };
  };

  test('NETMAP changes the network and keeps what is behind it', () => {
    const to = table('nat', '-A PREROUTING -d 203.0.113.0/24 -j NETMAP --to 172.17.0.0/24');
    const asked = makePacket({
      src: addr('198.51.100.7'),
      dst: addr('203.0.113.2'),
      protocol: 'udp',
      dport: 53,
    });
    expect(formatAddr(of(to, 'PREROUTING', asked).packet.dst)).toBe('172.17.0.2');
    const from = table('nat', '-A POSTROUTING -j NETMAP --to 10.9.0.0/16');
    expect(new Host(from).forward(syn())).toContain('10.9.0.2');
  });

  test('TOS and DSCP change a byte that later rules see', () => {
    const rules = table(
      'mangle',
      '-A FORWARD -j TOS --set-tos 0x01/0xff\n-A FORWARD -j DSCP --set-dscp 0x2e\n-A FORWARD -m tos --tos 0xb9/0xff -j DROP',
    );
    expect(of(rules, 'FORWARD', syn()).verdict).toContain('mangle/FORWARD DROP');
  });

  test('TPROXY drops where no socket may take the packet, and marks it where one does', () => {
    const rules = table(
      'mangle',
      '-A PREROUTING -p tcp -j TPROXY --on-port 9 --on-ip 0.0.0.0 --tproxy-mark 0x7/0xff',
    );
    const { runs } = forEachBranch((decisions) => {
      const packet = syn();
      const verdict = new Host(rules, {}, decisions).run('PREROUTING', packet, { in: 'eth0' });
      return [verdict.kind, packet.mark];
    });
    expect(runs.map(({ result }) => result)).toEqual([
      ['drop', 0],
      ['accept', 7],
    ]);
    expect(runs[0]?.met[0]?.command).toBe('ss -lnp sport = :9');
  });

  test('rpfilter asks the routes', () => {
    const rules = table('raw', '-A PREROUTING -m rpfilter --invert -j DROP');
    const from = (src: string) =>
      of(rules, 'PREROUTING', makePacket({ src: addr(src), dst: addr('203.0.113.2'), protocol: 'udp' }))
        .verdict;
    expect(from('198.51.100.7')).toBe('accept');
    expect(from('172.17.0.2')).toContain('DROP');
    const loose = rules.replace('--invert', '--loose --invert');
    expect(of(loose, 'PREROUTING', syn()).verdict).toBe('accept');
  });

  test('sets are asked, unless rules change them', () => {
    const ipsets = [
      {
        name: 'x',
        type: 'hash:ip',
        options: new Map(),
        elements: [{ entry: '172.17.0.2', except: false, wildcard: false }],
      },
    ];
    const rules = table('filter', '-A FORWARD -m set --match-set x src -j DROP');
    expect(of(rules, 'FORWARD', syn(), { more: { ipsets } }).verdict).toContain('DROP');
    expect(
      of(rules, 'FORWARD', makePacket({ ...syn(), src: addr('172.17.0.3') }), { more: { ipsets } }).verdict,
    ).toBe('accept');
    const changing = table(
      'filter',
      '-A FORWARD -m set --match-set x src -j DROP\n-A FORWARD -j SET --add-set x src',
    );
    const { runs } = forEachBranch(
      (decisions) => new Host(changing, { more: { ipsets } }, decisions).run('FORWARD', syn()).kind,
    );
    expect(runs).toHaveLength(2);
  });
});

describe('what the facts do not decide', () => {
  const branches = (rules: string, change: Partial<NamespaceSpec> = {}, hook: Hook = 'FORWARD') =>
    forEachBranch((decisions) => text(new Host(rules, change, decisions).run(hook, syn())));

  test('a match that is not understood goes both ways', () => {
    const { runs } = branches(table('filter', '-A FORWARD -m string --string x --algo bm -j DROP'));
    expect(runs.map((r) => r.result)).toEqual(['accept', 'filter/FORWARD DROP iptables-nft 1']);
    expect(runs[0]?.met[0]?.fact).toContain('rule 1 of filter/FORWARD');
  });

  test('so does a target that is not understood', () => {
    const { runs } = branches(table('filter', '-A FORWARD -j NFQUEUE --queue-num 0'));
    expect(runs.map((r) => r.result)).toEqual([
      'filter/FORWARD target NFQUEUE is not understood iptables-nft 1',
      'accept',
    ]);
  });

  test.each([
    ['ipv4', 'forward', 2],
    ['inet', 'forward', 2],
    ['ipv6', 'forward', 1],
    ['bridge', 'forward', 1],
    ['ipv4', 'input', 1],
  ] as const)('a native chain of family %s at %s: %i ways', (family, hook, ways) => {
    const unmodelledHooks = [{ family, hook, name: 'mine' }];
    const { runs } = branches('', { more: { unmodelledHooks } });
    expect(runs.map((r) => r.result)).toEqual(
      ways === 2 ? ['mine nftables base chain, contents not evaluated', 'accept'] : ['accept'],
    );
  });
});

describe('marks', () => {
  const marked = (target: string, mark: number) => {
    const packet = syn({ mark });
    new Host(table('mangle', `-A PREROUTING -j ${target}`)).run('PREROUTING', packet, { in: 'docker0' });
    return packet.mark;
  };
  test.each([
    ['MARK --set-xmark 0x1/0xffffffff', 0xf0, 0x1],
    ['MARK --set-xmark 0x1/0xf', 0xf3, 0xf1],
    ['MARK --set-xmark 0x3/0x0', 0x1, 0x2],
    ['MARK --set-mark 0x1/0xf', 0xf3, 0xf1],
    ['MARK --set-mark 0x80000000', 0x1, 0x80000000],
    ['MARK --and-mark 0x3', 0xff, 0x3],
    ['MARK --or-mark 0x3', 0xf0, 0xf3],
    ['MARK --xor-mark 0x3', 0x1, 0x2],
  ])('%s on %i gives %i', (target, before, after) => {
    expect(marked(target, before)).toBe(after);
  });

  test('a later table sees the mark', () => {
    const rules =
      table('mangle', '-A PREROUTING -j MARK --set-xmark 0x7/0xffffffff') +
      table('nat', '-A PREROUTING -m mark --mark 0x7 -j DNAT --to-destination 10.0.0.1');
    expect(new Host(rules).forward(syn())).toBe('172.17.0.2:40000 > 10.0.0.1:443');
  });

  test('the connection keeps a mark for its later packets', () => {
    const host = new Host(
      table(
        'mangle',
        '-A PREROUTING -i docker0 -j MARK --set-xmark 0x5/0xffffffff',
        '-A PREROUTING -i docker0 -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff',
        '-A PREROUTING -i eth0 -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff',
      ),
    );
    host.forward(syn());
    const reply = makePacket({ ...answerTo(syn()), tcpFlags: tcpFlag.syn | tcpFlag.ack });
    host.forward(reply, 'eth0', 'docker0');
    expect(reply.mark).toBe(5);
  });

  test('a connection’s mark set by rule, with masks', () => {
    const host = new Host(
      table(
        'mangle',
        '-A PREROUTING -j CONNMARK --set-xmark 0xff/0xffffffff',
        '-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0x0f',
      ),
    );
    const packet = syn({ mark: 0xff00 | 0x10 });
    host.run('PREROUTING', packet);
    expect(packet.mark).toBe(0xff0f);
  });
});

describe('tracking', () => {
  test.each(['NOTRACK', 'CT --notrack'])('%s: no state, no NAT', (target) => {
    const host = new Host(
      table('raw', `-A PREROUTING -i docker0 -j ${target}`) +
        table('filter', '-P FORWARD DROP', '-A FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT') +
        table('nat', '-A POSTROUTING -j MASQUERADE'),
    );
    expect(host.forward(syn())).toBe(unchanged);
  });

  test('CT --zone keeps connections apart', () => {
    const stateful = table(
      'filter',
      '-P FORWARD DROP',
      '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
      '-A FORWARD -i docker0 -j ACCEPT',
    );
    const answered = (raw: string) => {
      const host = new Host(raw + stateful);
      host.forward(syn());
      return host.forward(makePacket({ ...answerTo(syn()), tcpFlags: tcpFlag.ack }), 'eth0', 'docker0');
    };
    expect(answered('')).toBe('198.51.100.7:443 > 172.17.0.2:40000');
    expect(answered(table('raw', '-A PREROUTING -i docker0 -j CT --zone 5'))).toMatch(/policy DROP/);
    expect(answered(table('raw', '-A PREROUTING -i docker0 -j CT --zone-orig 5'))).toBe(
      '198.51.100.7:443 > 172.17.0.2:40000',
    );
    expect(answered(table('raw', '-A PREROUTING -j CT --zone 5'))).toBe(
      '198.51.100.7:443 > 172.17.0.2:40000',
    );
  });

  test('a packet that is dropped leaves no entry', () => {
    const host = new Host(
      table('filter', '-A FORWARD -i docker0 -j DROP', '-A FORWARD -m conntrack --ctstate NEW -j REJECT'),
    );
    expect(host.forward(syn())).toMatch(/DROP/);
    expect(
      host.forward(makePacket({ ...answerTo(syn()), tcpFlags: tcpFlag.ack }), 'eth0', 'docker0'),
    ).toMatch(/icmp-port-unreachable/);
  });
});

describe('NAT', () => {
  const masquerade = table('nat', '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE');

  test('masquerading takes the address of the device it leaves by, and the reply is taken back', () => {
    const host = new Host(masquerade);
    const packet = syn();
    expect(host.forward(packet)).toBe('203.0.113.2:40000 > 198.51.100.7:443');
    const reply = makePacket({ ...invert(tupleOf(packet)), tcpFlags: tcpFlag.syn | tcpFlag.ack });
    expect(host.forward(reply, 'eth0', 'docker0')).toBe('198.51.100.7:443 > 172.17.0.2:40000');
    const [there, back] = host.steps.filter((s) => s.kind === 'nat');
    expect(there).toMatchObject({ manip: 'src', undo: false });
    expect(back).toMatchObject({ manip: 'dst', undo: true });
  });

  test.each<[string, string, Partial<Packet>, string]>([
    ['not what the rule does not match', '-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE', {}, unchanged],
    [
      'an ACCEPT before it is a choice',
      '-A POSTROUTING -j ACCEPT,-A POSTROUTING -j MASQUERADE',
      {},
      unchanged,
    ],
    [
      'the first that binds',
      '-A POSTROUTING -j SNAT --to-source 192.0.2.1,-A POSTROUTING -j MASQUERADE',
      {},
      '192.0.2.1:40000 > 198.51.100.7:443',
    ],
    [
      'of a range the first',
      '-A POSTROUTING -j SNAT --to-source 192.0.2.1-192.0.2.9',
      {},
      '192.0.2.1:40000 > 198.51.100.7:443',
    ],
    [
      'with ports',
      '-A POSTROUTING -p tcp -j SNAT --to-source 192.0.2.1:1024-2048',
      {},
      '192.0.2.1:1024 > 198.51.100.7:443',
    ],
    [
      'ports of masquerading',
      '-A POSTROUTING -p tcp -j MASQUERADE --to-ports 1024-2048',
      {},
      '203.0.113.2:1024 > 198.51.100.7:443',
    ],
    [
      'a destination',
      '-A PREROUTING -j DNAT --to-destination 172.17.0.3',
      {},
      '172.17.0.2:40000 > 172.17.0.3:443',
    ],
    [
      'a destination with a port',
      '-A PREROUTING -p tcp -j DNAT --to-destination 172.17.0.3:80',
      {},
      '172.17.0.2:40000 > 172.17.0.3:80',
    ],
    [
      'the port alone',
      '-A PREROUTING -p tcp -j DNAT --to-destination :80',
      {},
      '172.17.0.2:40000 > 198.51.100.7:80',
    ],
    [
      'REDIRECT to the device it came in on',
      '-A PREROUTING -p tcp -j REDIRECT --to-ports 3128',
      {},
      '172.17.0.2:40000 > 172.17.0.1:3128',
    ],
    [
      'not a packet without a connection',
      '-A POSTROUTING -j MASQUERADE',
      { tcpFlags: tcpFlag.rst },
      unchanged,
    ],
  ])('%s', (_, rules, more, result) => {
    expect(new Host(table('nat', ...rules.split(','))).forward(syn(more))).toBe(result);
  });

  test('REDIRECT of what is sent here goes to loopback', () => {
    const host = new Host(table('nat', '-A OUTPUT -p tcp -j REDIRECT --to-ports 3128'));
    const packet = syn({ src: addr('203.0.113.2') });
    host.run('OUTPUT', packet, { out: 'eth0' });
    expect(ends(packet)).toBe('203.0.113.2:40000 > 127.0.0.1:3128');
  });

  test('of two addresses masquerading takes the one in the next hop’s subnet', () => {
    const links = [
      { name: 'eth0', addresses: ['192.0.2.5/24', '203.0.113.2/24'] },
      { name: 'docker0', kind: 'bridge' as const, addresses: ['172.17.0.1/16'] },
    ];
    expect(new Host(masquerade, { links }).forward(syn())).toBe('203.0.113.2:40000 > 198.51.100.7:443');
  });

  test('what the kernel itself sends about a packet belongs to its connection and asks no rule', () => {
    const host = new Host(table('nat', '-A POSTROUTING -j SNAT --to-source 192.0.2.1'));
    const about = syn();
    new Conntrack().track(about);
    const connection = about.tracking?.connection;
    const reset = makePacket({
      ...answerTo(about),
      tcpFlags: tcpFlag.rst,
      tracking: { connection, direction: 'reply', state: 'ESTABLISHED' },
    });
    host.run('POSTROUTING', reset, { out: 'docker0' });
    expect(host.steps).toEqual([]);
    expect(connection).toMatchObject({ srcDone: false, snat: false });
  });

  test('masquerading without an address drops', () => {
    const links = [{ name: 'eth0' }, { name: 'docker0', kind: 'bridge' as const }];
    const host = new Host(table('nat', '-A POSTROUTING -j MASQUERADE'), { links, routes: [] });
    expect(host.forward(syn())).toBe('POSTROUTING: nat/POSTROUTING MASQUERADE finds no address to use');
  });

  test('both manipulations of one packet; filter sees the new destination', () => {
    const host = new Host(
      table(
        'nat',
        '-A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
        '-A POSTROUTING -j MASQUERADE',
      ) +
        table(
          'filter',
          '-P FORWARD DROP',
          '-A FORWARD -d 172.17.0.2 -p tcp --dport 80 -j ACCEPT',
          '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
        ),
    );
    const packet = syn({ src: addr('198.51.100.7'), dst: addr('203.0.113.2'), dport: 8080 });
    expect(host.forward(packet, 'eth0', 'docker0')).toBe('172.17.0.1:40000 > 172.17.0.2:80');
    const reply = makePacket({ ...invert(tupleOf(packet)), tcpFlags: tcpFlag.syn | tcpFlag.ack });
    expect(host.forward(reply, 'docker0', 'eth0')).toBe('203.0.113.2:8080 > 198.51.100.7:40000');
  });

  test('chosen once per connection: later packets follow, also where no rule is left that matches', () => {
    const host = new Host(
      table(
        'nat',
        '-A POSTROUTING -p tcp --tcp-flags SYN SYN -m mark --mark 0x0 -j SNAT --to-source 192.0.2.1',
      ),
    );
    expect(host.forward(syn())).toBe('192.0.2.1:40000 > 198.51.100.7:443');
    expect(host.forward(syn({ mark: 1 }))).toBe('192.0.2.1:40000 > 198.51.100.7:443');
    expect(host.forward(syn({ tcpFlags: tcpFlag.ack }))).toBe('192.0.2.1:40000 > 198.51.100.7:443');
  });

  test('and once not chosen, never again', () => {
    const host = new Host(table('nat', '-A POSTROUTING -m mark --mark 0x1 -j SNAT --to-source 192.0.2.1'));
    expect(host.forward(syn())).toBe(unchanged);
    expect(host.forward(syn({ mark: 1 }))).toBe(unchanged);
  });

  test('a reply asks no rule', () => {
    const host = new Host(
      table(
        'nat',
        '-A PREROUTING -i eth0 -j DNAT --to-destination 10.9.9.9',
        '-A POSTROUTING -o docker0 -j SNAT --to-source 10.9.9.8',
      ),
    );
    host.forward(syn());
    const reply = makePacket({ ...answerTo(syn()), tcpFlags: tcpFlag.syn | tcpFlag.ack });
    expect(host.forward(reply, 'eth0', 'docker0')).toBe('198.51.100.7:443 > 172.17.0.2:40000');
  });

  test('the second backend’s table is asked when the first one left it open', () => {
    const legacyRules = table('nat', '-A POSTROUTING -j SNAT --to-source 192.0.2.2');
    expect(
      new Host(table('nat', '-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE'), { legacyRules }).forward(syn()),
    ).toMatch(/^192\.0\.2\.2:/);
    expect(new Host(masquerade, { legacyRules }).forward(syn())).toMatch(/^203\.0\.113\.2:/);
  });
});

describe('segment size', () => {
  const clamped = (options: string, mss: number | undefined) => {
    const packet = syn({ mss });
    new Host(table('mangle', `-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS ${options}`), {
      links: [
        { name: 'eth0', mtu: 1400, addresses: ['203.0.113.2/24'] },
        { name: 'docker0', kind: 'bridge', addresses: ['172.17.0.1/16'] },
      ],
    }).run('FORWARD', packet, { in: 'docker0', out: 'eth0' });
    return packet.mss;
  };
  test.each<[string, number | undefined, number | undefined]>([
    ['--clamp-mss-to-pmtu', 1460, 1360],
    ['--clamp-mss-to-pmtu', 1000, 1000],
    ['--set-mss 1200', 1460, 1200],
    ['--set-mss 1200', 1000, 1000],
    ['--set-mss 1200', undefined, undefined],
  ])('TCPMSS %s on %s: %s', (options, before, after) => {
    expect(clamped(options, before)).toBe(after);
  });
});
