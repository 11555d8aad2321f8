/**
 * Planned native tables against the real nft: what is printed loads and is listed again as it was, in text and as JSON, and the
 * commands from one plan to another end in the other.
 */
import { describe, expect, test } from 'vitest';
import { nftCommands } from '../../src/firewall/nft/commands.ts';
import { missingFrom } from '../../src/firewall/nft/merge.ts';
import { emptyNftRuleset, type NftRuleset } from '../../src/firewall/nft/model.ts';
import { parseNftJson } from '../../src/firewall/nft/parse.ts';
import { printNft } from '../../src/firewall/nft/print.ts';
import { defaultBridge, type HostSpec, planOf, severalNetworks } from '../support/plan.ts';
import { inNamespace, namespacesUnavailable } from './in-namespace.ts';
import type { NftReport } from './nft-program.ts';
import { onStage } from './stage.ts';

const engine = '29.7.2';

/** Hosts of the nftables backend that differ in what makes rules. */
const hosts: readonly HostSpec[] = [
  { engine, config: '{"firewall-backend":"nftables"}' },
  {
    ...severalNetworks(engine),
    config: '{"firewall-backend":"nftables","userland-proxy":false,"icc":false}',
  },
  {
    engine,
    config: '{"firewall-backend":"nftables","bridge-accept-fwmark":"0x10/0xff"}',
    networks: [
      defaultBridge,
      {
        name: 'routed',
        subnet: '172.18.0.0/16',
        subnet6: 'fd00:18::/64',
        options: {
          'com.docker.network.bridge.gateway_mode_ipv4': 'routed',
          'com.docker.network.host_ipv6': '2001:db8::7',
        },
      },
      {
        name: 'trusting',
        subnet: '172.19.0.0/16',
        options: {
          'com.docker.network.bridge.trusted_host_interfaces': 'zz0:eth0',
          'com.docker.network.host_ipv4': '203.0.113.2',
        },
      },
      {
        name: 'open',
        subnet: '172.20.0.0/16',
        options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'nat-unprotected' },
      },
    ],
    containers: [
      { name: 'r', on: { routed: '172.18.0.2/16 fd00:18::2/64' }, ports: ['8080:80/tcp', '7000:7000/sctp'] },
      { name: 't', on: { trusting: '172.19.0.2/16' }, ports: ['127.0.0.1:8081:80/tcp', '5353:53/udp'] },
      { name: 'o', on: { open: '172.20.0.2/16' }, ports: ['8082:80/tcp'] },
    ],
    mirroredLoopback: true,
  },
];

const plans = hosts.map((host) => planOf(host).nft);

/** Why nft cannot be tried here; undefined if it can. */
function unavailable(): string | undefined {
  const reason = namespacesUnavailable();
  if (reason !== undefined) return reason;
  const [listed] = inNamespace([['nft', 'list', 'ruleset']]);
  return listed?.status === 0 ? undefined : `nft does not work here: ${listed?.stderr.trim()}`;
}

/** Runs nft commands in a new namespace; what is listed afterwards, as text and as JSON. */
function listedAfter(...commands: readonly (readonly string[])[]): {
  readonly text: string;
  readonly ruleset: NftRuleset;
} {
  const lists = [
    ['-s', 'list', 'ruleset'],
    ['-s', '-j', 'list', 'ruleset'],
  ];
  const outcomes = inNamespace([...commands, ...lists].map((args) => ['nft', ...args]));
  for (const [index, { status, stderr }] of outcomes.entries())
    expect([commands[index]?.join(' '), stderr, status]).toEqual([commands[index]?.join(' '), '', 0]);
  const [text, json] = outcomes.slice(-2);
  const { ruleset, problems } = parseNftJson(JSON.parse(json?.stdout ?? ''), 'nft', () => false);
  expect(problems).toEqual([]);
  return { text: withNames(text?.stdout ?? ''), ruleset };
}

/** Older nft (1.0.6) has no name for the priority of translation in the output hook. */
function forOldNft(text: string): string {
  return text.replaceAll('hook output priority dstnat', 'hook output priority -100');
}

function withNames(listing: string): string {
  return listing.replaceAll('hook output priority -100', 'hook output priority dstnat');
}

const reason = unavailable();
if (reason !== undefined) console.warn(`skipped: ${reason}`);

describe.skipIf(reason !== undefined)('planned tables', () => {
  test.each(plans.map((plan, number) => ({ plan, number })))(
    'of host $number are listed as they are printed',
    ({ plan }) => {
      const { text, ruleset } = listedAfter([forOldNft(printNft(plan.tables))]);
      expect(linesOf(text)).toEqual(linesOf(printNft(plan.tables)));
      expect(same(ruleset, plan)).toBe(true);
    },
  );

  const pairs = plans.flatMap((from, i) => plans.flatMap((to, j) => (i === j ? [] : [{ i, j, from, to }])));
  test.each(pairs)('the commands from host $i to host $j end there', ({ from, to }) => {
    const made = transaction(emptyNftRuleset, from);
    const observed = listedAfter(made).ruleset;
    expect(same(observed, from)).toBe(true);
    expect(same(listedAfter(made, transaction(observed, to)).ruleset, to)).toBe(true);
    // Without handles too.
    expect(same(listedAfter(made, transaction(from, to)).ruleset, to)).toBe(true);
  });

  test('the commands work one after the other as well', () => {
    const [first = emptyNftRuleset, second = emptyNftRuleset] = plans;
    const { ruleset } = listedAfter(...nftCommands(emptyNftRuleset, first), ...nftCommands(first, second));
    expect(same(ruleset, second)).toBe(true);
  });
});

test.skipIf(reason !== undefined)(
  'a change of the kernel makes them, puts them back, and takes them away',
  async () => {
    const { planned, made, again, damaged, healed, after } = await onStage<NftReport>('nft-program');
    expect(same(made, planned)).toBe(true);
    expect(again).toEqual([]);
    expect(missingFrom(planned, damaged).tables).toHaveLength(2);
    expect(same(healed, planned)).toBe(true);
    expect(after.tables).toEqual([]);
  },
);

/** All commands as the one that `nft -f` would read. */
function transaction(from: NftRuleset, to: NftRuleset): readonly string[] {
  return [
    nftCommands(from, to)
      .map((args) => `${args.join(' ')}\n`)
      .join(''),
  ];
}

/** The lines of a listing. Older nft lists elements in another order, so here they have one of their own. */
function linesOf(listing: string): readonly string[] {
  const elements: string[] = [];
  const others: string[] = [];
  for (const line of listing.split('\n')) {
    const element = /("\S+" : \S+ \S+?)(?:,| })$/.exec(line)?.[1];
    if (element === undefined) others.push(line.replace(/(?<=\{ ").*(?=" \})/, inOrder));
    else elements.push(element);
  }
  return [...others, ...elements.sort()];
}

function inOrder(names: string): string {
  return names.split('", "').sort().join('", "');
}

/** Both ways nothing is missing, chains and sets being in any order: it means nothing to packets. */
function same(a: NftRuleset, b: NftRuleset): boolean {
  const counts = [a, b].map(({ tables }) => printNft(tables).split('\n').length);
  return missingFrom(a, b).tables.length + missingFrom(b, a).tables.length === 0 && counts[0] === counts[1];
}
