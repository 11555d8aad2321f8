/**
 * The cases of moby's golden tests: one network with one container and one port, under every combination of settings.
 * In: an engine version. Out: the host of each case, as moby's tests build it (`TestIptabler` in `iptabler_test.go`, `TestNftabler` in
 * `nftabler_test.go`), and the names of the files that they compare with. What is in the files is the subject of each kind.
 */
import type { Family } from '../../src/net/addr.ts';
import type { HostSpec } from '../support/plan.ts';
import { firstDifferences } from './rules.ts';

/** Settings by the names that moby's test gives them. */
export interface GoldenCase {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** No userland proxy. */
  readonly hairpin: boolean;
  readonly internal: boolean;
  readonly icc: boolean;
  readonly masq: boolean;
  /** The network has an address of the host to translate to. */
  readonly snat: boolean;
  /** The port is published on loopback, not everywhere. */
  readonly bindlh: boolean;
  readonly wsl2mirrored: boolean;
  readonly gwm: 'nat' | 'nat-unprotected' | 'routed';
}

export interface GoldenVerdict {
  readonly name: string;
  readonly engine: string;
  /** How many cases moby's test holds against the file. */
  readonly cases: number;
  /** Compared without the rules of a host port, which the engine does not ask for in a routed network. */
  readonly withoutHostPort: boolean;
  /** Of the first case that differs: lines that only the plan has (`-`) or only the file (`+`). */
  readonly differences: readonly string[];
}

const flags = [
  'ipv4',
  'ipv6',
  'hairpin',
  'internal',
  'icc',
  'masq',
  'snat',
  'bindlh',
  'wsl2mirrored',
] as const;

/** Every combination. */
function goldenCases(): readonly GoldenCase[] {
  return (['nat', 'nat-unprotected', 'routed'] as const).flatMap((gwm) =>
    Array.from({ length: 1 << flags.length }, (_, bits) => {
      const flag = (name: (typeof flags)[number]) => (bits & (1 << flags.indexOf(name))) !== 0;
      return {
        ...{ ipv4: flag('ipv4'), ipv6: flag('ipv6'), hairpin: flag('hairpin'), internal: flag('internal') },
        ...{ icc: flag('icc'), masq: flag('masq'), snat: flag('snat'), bindlh: flag('bindlh') },
        ...{ wsl2mirrored: flag('wsl2mirrored'), gwm },
      };
    }),
  );
}

/** What a case leaves in one family, with its network or, before it is made and after it is removed, without. */
export interface Expectation {
  readonly settings: GoldenCase;
  readonly family: Family;
  readonly withNetwork: boolean;
}

/** What moby's test expects, by the names of its files; `tools` ends the names of each family's. */
export function expectationsByName(
  tools: Readonly<Record<Family, string>>,
): ReadonlyMap<string, readonly Expectation[]> {
  const byName = new Map<string, Expectation[]>();
  for (const settings of goldenCases()) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      for (const withNetwork of [false, true]) {
        const expectation = { settings, family, withNetwork };
        const name = `${settings[family] ? goldenName(expectation) : 'no'}__${tools[family]}`;
        byName.set(name, [...(byName.get(name) ?? []), expectation]);
      }
    }
  }
  return byName;
}

/** The file that moby's test compares with: settings that must not matter are not in its name. */
function goldenName({ settings, family, withNetwork }: Expectation): string {
  const { hairpin, internal, icc, masq, snat, gwm, bindlh, wsl2mirrored } = settings;
  const ports = internal ? '' : `,masq=${masq},snat=${snat},gwm=${gwm},bindlh=${bindlh}`;
  const kind = withNetwork
    ? `hairpin=${hairpin},internal=${internal},icc=${icc}${ports}`
    : `cleaned,hairpin=${hairpin}`;
  const mirrored = family === 'ipv4' && wsl2mirrored && (bindlh || !hairpin) ? ',wsl2mirrored=true' : '';
  return `${kind}${mirrored}`;
}

/** A fresh host of the case; the driver of moby's test has no default network and does not turn forwarding on. */
export function hostOfCase(
  { settings, withNetwork }: Omit<Expectation, 'family'>,
  engine: string,
  backend: 'iptables' | 'nftables',
): HostSpec {
  const { ipv4, ipv6, hairpin, internal, icc, masq, snat, bindlh, wsl2mirrored, gwm } = settings;
  const host = {
    engine,
    config: JSON.stringify({
      iptables: ipv4,
      ip6tables: ipv6,
      'userland-proxy': !hairpin,
      'ip-forward': false,
      ...(backend === 'nftables' ? { 'firewall-backend': backend } : {}),
    }),
    mirroredLoopback: wsl2mirrored,
    networks: [],
  };
  if (!withNetwork) return host;
  const bridge = 'com.docker.network.bridge';
  const options = {
    [`${bridge}.name`]: 'br-dummy',
    [`${bridge}.enable_icc`]: `${icc}`,
    [`${bridge}.enable_ip_masquerade`]: `${masq}`,
    [`${bridge}.gateway_mode_ipv4`]: gwm,
    [`${bridge}.gateway_mode_ipv6`]: gwm,
    ...(snat
      ? {
          'com.docker.network.host_ipv4': '192.168.123.0',
          'com.docker.network.host_ipv6': 'fd34:d0d4:672f::123',
        }
      : {}),
  };
  const subnets = { subnet: '192.168.0.0/24', subnet6: 'fd49:efd7:54aa::/64' };
  return {
    ...host,
    networks: [{ name: 'dummy', ...subnets, internal, options }],
    containers: [
      {
        name: 'container',
        on: { dummy: '192.168.0.2/24 fd49:efd7:54aa::1/64' },
        ports: bindlh
          ? ['127.0.0.1:8080:80/tcp', '[::1]:8080:80/tcp']
          : ['0.0.0.0:8080:80/tcp', '[::]:8080:80/tcp'],
      },
    ],
  };
}

/** One golden file as lines, and what the plan of a case would print. */
export interface GoldenFile {
  readonly name: string;
  readonly engine: string;
  readonly lines: readonly string[];
  readonly isOfHostPort: (line: string) => boolean;
  readonly plannedLines: (expectation: Expectation) => readonly string[];
}

/** Holds every case of moby's test against its file. */
export function judgeGolden(
  { name, engine, lines, isOfHostPort, plannedLines }: GoldenFile,
  cases: readonly Expectation[],
): GoldenVerdict {
  // moby's test asks the driver for a host port in a routed network too; the engine never does.
  const withoutHostPort = name.includes('gwm=routed');
  const wanted = withoutHostPort ? lines.filter((line) => !isOfHostPort(line)) : lines;
  const differing = cases
    .map((expectation) => firstDifferences(plannedLines(expectation), wanted))
    .find((differences) => differences.length > 0);
  const differences = cases.length === 0 ? ['no case has this name'] : (differing ?? []);
  return { name, engine, cases: cases.length, withoutHostPort, differences };
}
