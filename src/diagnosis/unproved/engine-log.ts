/**
 * What the engine's log says while it runs: waiting for the lock of iptables, a resolver that cannot keep up, tables that iptables
 * cannot read, extensions that the kernel lacks. In: dockerd.log and the listings of rules. Out: suspicions.
 */
import { foundLine } from '../evidence.ts';
import type { Detector } from './case.ts';

/** libnetwork, iptables.go: "xtables contention detected while running". */
export const contendedLock: Detector = (patient) => {
  const waits = patient.messages().filter(({ slug }) => slug === 'iptables-lock');
  const [first] = waits;
  if (first === undefined) return [];
  return [
    {
      cause: 'xtables-lock-contention',
      severity: 'warning',
      params: { count: `${waits.length}` },
      hop: 'dockerd',
      evidence: [{ file: 'dockerd.log', line: first.line, text: first.text }],
      decide: 'lsof /run/xtables.lock',
    },
  ];
};

/** libnetwork, resolver.go: more than 1024 (100 before 18.03) questions wait for an answer. */
export const busyResolver: Detector = (patient) => {
  const refused = patient.messages().filter(({ slug }) => slug === 'resolver-busy');
  const [first] = refused;
  if (first === undefined) return [];
  return [
    {
      cause: 'resolver-overloaded',
      severity: 'warning',
      params: { count: `${refused.length}`, reason: first.text },
      hop: '127.0.0.11',
      evidence: [{ file: 'dockerd.log', line: first.line, text: first.text }],
      decide: `docker run --rm busybox sh -c 'time nslookup example.com'`,
    },
  ];
};

const listings = ['iptables-save.txt', 'ip6tables-save.txt', 'dockerd.log'] as const;

/** iptables 1.8 ends well all the same, and lists nothing of the table (xtables-nft, nft_is_table_compatible). */
export const unreadableTables: Detector = (patient) =>
  listings.flatMap((file) => {
    const found = foundLine(patient, file, " is incompatible, use 'nft' tool");
    if (found === undefined) return [];
    const table = /[Tt]able [`'](\w+)'/.exec(found.text)?.[1] ?? '';
    const family = file === 'ip6tables-save.txt' ? 'ip6' : 'ip';
    return [
      {
        cause: 'iptables-cannot-read-nft',
        severity: 'warning',
        params: { table: table === '' ? '' : `${family} ${table}` },
        hop: table === '' ? 'iptables' : table,
        evidence: [found],
        repairs: [
          {
            kind: 'config',
            change: `keep rules of nft in a table of their own, for instance inet site, not in ${family} ${table}`,
          },
        ],
        decide: table === '' ? 'nft list ruleset' : `nft list table ${family} ${table}`,
      },
    ];
  });

/** The engine runs, and some of its rules could not be made. */
export const missingExtensions: Detector = (patient) => {
  if (patient.lines('docker-network-inspect.json') === undefined) return [];
  const found =
    foundLine(patient, 'dockerd.log', 'xtension ', 'not supported, missing kernel module') ??
    foundLine(patient, 'kernel.log', 'xtension ', 'not supported, missing kernel module');
  if (found === undefined) return [];
  const extension = /[Ee]xtension (\S+)/.exec(found.text)?.[1] ?? '';
  return [
    {
      cause: 'xtables-extension-missing',
      severity: 'warning',
      params: { extension, reason: '' },
      hop: 'iptables',
      evidence: [found],
      decide: `modprobe -n -v xt_${extension}`,
    },
  ];
};
