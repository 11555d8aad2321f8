/**
 * What the engine's log says while it runs: waiting for the lock of iptables, a resolver that cannot keep up, tables that iptables
 * cannot read, extensions that the kernel lacks. In: dockerd.log and the listings of rules. Out: suspicions.
 */
import type { MessageSlug } from '../../replay/messages.ts';
import { foundLine } from '../evidence.ts';
import type { Detector, Suspicion } from './case.ts';

/** libnetwork, iptables.go: "xtables contention detected while running". */
export const contendedLock: Detector = logged('iptables-lock', {
  cause: 'xtables-lock-contention',
  hop: 'dockerd',
  decide: 'lsof /run/xtables.lock',
});

/** libnetwork, resolver.go: more than 1024 (100 before 18.03) questions wait for an answer. */
export const busyResolver: Detector = logged('resolver-busy', {
  cause: 'resolver-overloaded',
  hop: '127.0.0.11',
  decide: "docker run --rm busybox sh -c 'time nslookup example.com'",
});

/** A message that is told once, however often it stands in the log. */
function logged(slug: MessageSlug, told: Pick<Suspicion, 'cause' | 'hop' | 'decide'>): Detector {
  return (patient) => {
    const messages = patient.messages().filter((message) => message.slug === slug);
    const [first] = messages;
    if (first === undefined) return [];
    return [
      {
        ...told,
        severity: 'warning',
        params: { count: `${messages.length}`, reason: first.text },
        evidence: [{ file: 'dockerd.log', line: first.line, text: first.text }],
      },
    ];
  };
}

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
