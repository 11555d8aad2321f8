/**
 * The cases of moby's golden tests: one network with one container and one port, under every combination of settings.
 * In: an engine version. Out: the host of each case, as moby's test builds it (`TestIptabler` in `iptabler_test.go`).
 * What a case is called in the name of a golden file is the subject of each kind of golden files.
 */
import type { HostSpec } from '../support/plan.ts';

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
export function goldenCases(): readonly GoldenCase[] {
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

/** A fresh host of the case; the driver of moby's test has no default network and does not turn forwarding on. */
export function hostOfCase(settings: GoldenCase, engine: string, withNetwork: boolean): HostSpec {
  const { ipv4, ipv6, hairpin, internal, icc, masq, snat, bindlh, wsl2mirrored, gwm } = settings;
  const host = {
    engine,
    config: JSON.stringify({
      iptables: ipv4,
      ip6tables: ipv6,
      'userland-proxy': !hairpin,
      'ip-forward': false,
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
