/**
 * Addresses that are not there: networks without a free one, bridges that dockerd is told to use, ports published on somebody else's
 * address. In: the case. Out: suspicions.
 */
import { nextAddress } from '../../intent/ipam.ts';
import { formatAddr, isLoopback, isUnspecified, sameAddr } from '../../net/addr.ts';
import { formatPrefix } from '../../net/prefix.ts';
import { settingEvidence } from '../evidence.ts';
import type { Detector } from './case.ts';

/** The next container on such a network will not start. */
export const fullNetworks: Detector = ({ expected }) =>
  (expected?.intent.networks ?? []).flatMap((network) => {
    const taken = (expected?.intent.sandboxes ?? []).flatMap((s) =>
      s.endpoints.filter((e) => e.network === network.id).flatMap((e) => e.addresses.map((p) => p.addr)),
    );
    const pools = network.ipam.filter((c) => c.subnet.addr.family === 'ipv4');
    const isFull = pools.length > 0 && pools.every((config) => nextAddress(config, taken) === undefined);
    if (!isFull || taken.length === 0 || (network.driver !== 'bridge' && network.driver !== 'macvlan'))
      return [];
    const pool = pools.map((c) => formatPrefix(c.ipRange ?? c.subnet)).join(', ');
    return [
      {
        cause: 'addresses-exhausted',
        severity: 'warning',
        params: { network: network.name, pool, reason: '' },
        hop: network.name,
        evidence: [
          { file: 'docker-network-inspect.json', text: `${network.name}: ${taken.length} of ${pool}` },
        ],
        repairs: [{ kind: 'config', change: `recreate the network ${network.name} with a larger subnet` }],
        decide: `docker network inspect ${network.name}`,
      },
    ];
  });

/** `--bridge` names a link that somebody has to make (libnetwork, setup_device_linux.go); with docker0 it is made. */
export const unreadyBridge: Detector = (patient) => {
  const { host, expected } = patient;
  const setting = expected?.options.settings.bridge;
  const name = setting?.value ?? '';
  if (host === undefined || setting === undefined || ['', 'none', 'docker0'].includes(name)) return [];
  const link = host.links.find((l) => l.name === name);
  if (link?.addresses.some((a) => a.prefix.addr.family === 'ipv4') === true) return [];
  return [
    {
      cause: 'user-bridge-unready',
      severity: 'warning',
      params: { bridge: name, reason: '' },
      hop: name,
      evidence: [
        ...settingEvidence(setting.origin, patient),
        { file: 'ip-addr.json', text: link === undefined ? `no ${name}` : `${name}: no IPv4 address` },
      ],
      repairs: [
        {
          kind: 'config',
          change: `make the bridge ${name} with an address at boot, before dockerd starts; or leave the option bridge out`,
        },
      ],
      decide: `ip address show ${name}`,
    },
  ];
};

/** Only its own addresses lead to the host; for others it must at least be asked to answer. */
export const foreignPublishAddresses: Detector = ({ host, expected, unhealed }) =>
  (expected?.intent.sandboxes ?? []).flatMap((sandbox) =>
    sandbox.endpoints.flatMap((endpoint) =>
      endpoint.ports.flatMap((port) => {
        const { hostAddress: address } = port;
        if (!sandbox.running || address === undefined || isUnspecified(address) || isLoopback(address))
          return [];
        const own = host?.links.some((l) => l.addresses.some((a) => sameAddr(a.prefix.addr, address)));
        if (own !== false) return [];
        const failing = unhealed.filter(
          ({ flow }) => flow.port === port.hostPort && flow.dst !== undefined && sameAddr(flow.dst, address),
        );
        const place = `${formatAddr(address)}:${port.hostPort}`;
        return [
          {
            cause: 'publish-address-not-local',
            severity: failing.length > 0 ? 'error' : 'warning',
            params: { container: sandbox.name, address: formatAddr(address), reason: '' },
            failing,
            hop: place,
            evidence: [
              { file: 'docker-container-inspect.json', text: `${sandbox.name}: published on ${place}` },
              { file: 'ip-addr.json', text: `no ${formatAddr(address)}` },
            ],
            repairs: [
              {
                kind: 'config',
                change: `recreate ${sandbox.name} with its port published on an address of this host`,
              },
            ],
            decide: 'ip -brief address show',
          } as const,
        ];
      }),
    ),
  );
