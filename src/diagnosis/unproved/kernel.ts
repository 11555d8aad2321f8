/**
 * What the kernel's own counters and log say: tracked connections at their limit, wrong checksums. In: sysctl.txt and kernel.log.
 * Out: suspicions.
 */
import { foundLine } from '../evidence.ts';
import type { Detector } from './case.ts';

/** From this share of the limit on, the next burst of connections fills the table. */
const nearlyFull = 0.95;

export const fullConntrack: Detector = (patient) => {
  const number = (name: string) => Number(patient.host?.sysctls.get(name)?.value ?? Number.NaN);
  const [used, max] = [number('net.netfilter.nf_conntrack_count'), number('net.netfilter.nf_conntrack_max')];
  // net/netfilter/nf_conntrack_core.c, __nf_conntrack_alloc
  const logged = foundLine(patient, 'kernel.log', 'nf_conntrack: table full, dropping packet');
  const isNear = max > 0 && used >= max * nearlyFull;
  if (!isNear && logged === undefined) return [];
  const counted = isNear
    ? ['nf_conntrack_count', 'nf_conntrack_max'].flatMap(
        (name) => foundLine(patient, 'sysctl.txt', `net.netfilter.${name} `) ?? [],
      )
    : [];
  return [
    {
      cause: 'conntrack-full',
      severity: 'warning',
      params: isNear ? { used: `${used}`, max: `${max}` } : { used: '', max: '' },
      hop: 'conntrack',
      evidence: [...counted, ...(logged === undefined ? [] : [logged])],
      repairs:
        max > 0 ? [{ kind: 'command', change: `sysctl -w net.netfilter.nf_conntrack_max=${max * 2}` }] : [],
      decide: 'conntrack -S',
    },
  ];
};

/** net/core/dev.c, netdev_rx_csum_fault: `eth0: hw csum failure`. */
export const wrongChecksums: Detector = (patient) => {
  const logged = foundLine(patient, 'kernel.log', 'hw csum failure');
  if (logged === undefined) return [];
  const link = /(\S+): hw csum failure/.exec(logged.text)?.[1] ?? '';
  return [
    {
      cause: 'checksum-offload',
      severity: 'warning',
      params: { link },
      hop: link === '' ? 'kernel' : link,
      evidence: [logged],
      repairs: link === '' ? [] : [{ kind: 'command', change: `ethtool -K ${link} rx off tx off` }],
      decide: 'nstat -az TcpInCsumErrors UdpInCsumErrors',
    },
  ];
};
