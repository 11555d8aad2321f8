/**
 * The target modules whose options this model knows (iptables-extensions(8); order and quoting as iptables 1.8 prints).
 * A table; modules that are not in it are kept as they were given.
 */
import { type ModuleSpec, spec } from './module-spec.ts';

export const targetSpecs: ReadonlyMap<string, ModuleSpec> = new Map([
  ['ACCEPT', spec()],
  ['DROP', spec()],
  ['RETURN', spec()],
  ['QUEUE', spec()],
  ['NOTRACK', spec()],
  ['TRACE', spec()],
  ['REJECT', spec('--reject-with 1')],
  ['MASQUERADE', spec('--to-ports 1', '--random 0', '--random-fully 0')],
  ['SNAT', spec('--to-source 1', '--random 0', '--random-fully 0', '--persistent 0')],
  ['DNAT', spec('--to-destination 1', '--random 0', '--persistent 0')],
  ['REDIRECT', spec('--to-ports 1', '--random 0')],
  ['NETMAP', spec('--to 1')],
  ['MARK', spec('--set-xmark 1', '--set-mark 1', '--and-mark 1', '--or-mark 1', '--xor-mark 1')],
  [
    'CONNMARK',
    spec(
      '--set-xmark 1',
      '--set-mark 1',
      '--and-mark 1',
      '--or-mark 1',
      '--xor-mark 1',
      '--save-mark 0',
      '--restore-mark 0',
      '--nfmask 1',
      '--ctmask 1',
      '--mask 1',
    ),
  ],
  [
    'LOG',
    spec(
      '--log-prefix text',
      '--log-level 1',
      '--log-tcp-sequence 0',
      '--log-tcp-options 0',
      '--log-ip-options 0',
      '--log-uid 0',
      '--log-macdecode 0',
    ),
  ],
  [
    'NFLOG',
    spec(
      '--nflog-prefix text',
      '--nflog-group 1',
      '--nflog-range 1',
      '--nflog-size 1',
      '--nflog-threshold 1',
    ),
  ],
  ['ULOG', spec('--ulog-nlgroup 1', '--ulog-cprange 1', '--ulog-qthreshold 1', '--ulog-prefix text')],
  ['TCPMSS', spec('--set-mss 1', '--clamp-mss-to-pmtu 0')],
  ['CHECKSUM', spec('--checksum-fill 0')],
  ['AUDIT', spec('--type 1')],
  ['CLASSIFY', spec('--set-class 1')],
  ['CONNSECMARK', spec('--save 0', '--restore 0')],
  ['SECMARK', spec('--selctx 1')],
  [
    'CT',
    spec(
      '--notrack 0',
      '--helper 1',
      '--timeout 1',
      '--ctevents 1',
      '--expevents 1',
      '--zone 1',
      '--zone-orig 1',
      '--zone-reply 1',
    ),
  ],
  ['TOS', spec('--set-tos 1', '--and-tos 1', '--or-tos 1', '--xor-tos 1')],
  ['DSCP', spec('--set-dscp 1', '--set-dscp-class 1')],
  ['TTL', spec('--ttl-set 1', '--ttl-dec 1', '--ttl-inc 1')],
  ['HL', spec('--hl-set 1', '--hl-dec 1', '--hl-inc 1')],
  ['NFQUEUE', spec('--queue-num 1', '--queue-balance 1', '--queue-bypass 0', '--queue-cpu-fanout 0')],
  ['TPROXY', spec('--on-port 1', '--on-ip 1', '--tproxy-mark 1')],
  ['SYNPROXY', spec('--sack-perm 0', '--timestamp 0', '--wscale 1', '--mss 1', '--ecn 0')],
  [
    'SET',
    spec(
      '--add-set 2',
      '--exist 0',
      '--timeout 1',
      '--del-set 2',
      '--map-set 2',
      '--map-mark 0',
      '--map-prio 0',
      '--map-queue 0',
    ),
  ],
  ['LED', spec('--led-trigger-id quoted', '--led-delay 1', '--led-always-blink 0')],
  ['TEE', spec('--gateway 1', '--oif 1')],
  ['TCPOPTSTRIP', spec('--strip-options 1')],
]);

/** Targets of iptables and ip6tables that have no options table here but are no chains either. */
export const otherTargets: ReadonlySet<string> = new Set([
  'CLUSTERIP',
  'DNPT',
  'ECN',
  'HMARK',
  'IDLETIMER',
  'RATEEST',
  'SNPT',
]);
