/**
 * The match and target modules whose options this model knows: names, spellings, number of values, the order in
 * which iptables-save prints them, and how it quotes them (iptables-extensions(8); order and quoting as iptables 1.8
 * prints). A table; modules that are not in it are kept as they were given.
 */

export interface OptionSpec {
  /** As iptables-save prints it. */
  readonly name: string;
  readonly values: number;
  readonly aliases: readonly string[];
  /** Quoted unless plain (`text`), or always (`quoted`); other values are bare words. */
  readonly quoting: 'word' | 'text' | 'quoted';
}

export interface ModuleSpec {
  /** In the order in which iptables-save prints them. */
  readonly options: readonly OptionSpec[];
  /** By every spelling. */
  readonly bySpelling: ReadonlyMap<string, OptionSpec>;
}

/** `--name|--alias N`, N the number of values; `text` or `quoted` instead of N is one value with that quoting. */
function spec(...lines: readonly string[]): ModuleSpec {
  const options = lines.map((line): OptionSpec => {
    const [names = '', kind = '0'] = line.split(' ');
    const [name = '', ...aliases] = names.split('|');
    const quoting = kind === 'text' || kind === 'quoted' ? kind : 'word';
    return { name, aliases, quoting, values: quoting === 'word' ? Number(kind) : 1 };
  });
  const bySpelling = new Map<string, OptionSpec>();
  for (const option of options) {
    for (const spelling of [option.name, ...option.aliases]) bySpelling.set(spelling, option);
  }
  return { options, bySpelling };
}

const ports = ['--sport|--source-port 1', '--dport|--destination-port 1'];

const matchSpecs: ReadonlyMap<string, ModuleSpec> = new Map([
  ['tcp', spec(...ports, '--tcp-option 1', '--tcp-flags 2', '--syn 0')],
  ['udp', spec(...ports)],
  ['sctp', spec(...ports, '--chunk-types 2')],
  ['dccp', spec(...ports, '--dccp-types 1', '--dccp-option 1')],
  ['icmp', spec('--icmp-type 1')],
  ['icmp6', spec('--icmpv6-type 1')],
  ['esp', spec('--espspi 1')],
  [
    'multiport',
    spec('--sports|--source-ports|--sport 1', '--dports|--destination-ports|--dport 1', '--ports|--port 1'),
  ],
  [
    'conntrack',
    spec(
      '--ctstate 1',
      '--ctproto 1',
      '--ctorigsrc 1',
      '--ctorigdst 1',
      '--ctreplsrc 1',
      '--ctrepldst 1',
      '--ctorigsrcport 1',
      '--ctorigdstport 1',
      '--ctreplsrcport 1',
      '--ctrepldstport 1',
      '--ctstatus 1',
      '--ctexpire 1',
      '--ctdir 1',
    ),
  ],
  ['state', spec('--state 1')],
  ['addrtype', spec('--src-type 1', '--dst-type 1', '--limit-iface-in 0', '--limit-iface-out 0')],
  ['mark', spec('--mark 1')],
  ['connmark', spec('--mark 1')],
  ['mac', spec('--mac-source 1')],
  ['iprange', spec('--src-range 1', '--dst-range 1')],
  ['comment', spec('--comment text')],
  ['length', spec('--length 1')],
  ['ttl', spec('--ttl-eq|--ttl 1', '--ttl-lt 1', '--ttl-gt 1')],
  ['hl', spec('--hl-eq|--hl 1', '--hl-lt 1', '--hl-gt 1')],
  ['pkttype', spec('--pkt-type 1')],
  ['owner', spec('--socket-exists 0', '--uid-owner 1', '--gid-owner 1', '--suppl-groups 0')],
  [
    'physdev',
    spec(
      '--physdev-is-in 0',
      '--physdev-in 1',
      '--physdev-is-out 0',
      '--physdev-out 1',
      '--physdev-is-bridged 0',
    ),
  ],
  ['limit', spec('--limit 1', '--limit-burst 1')],
  [
    'hashlimit',
    spec(
      '--hashlimit-upto|--hashlimit 1',
      '--hashlimit-above 1',
      '--hashlimit-burst 1',
      '--hashlimit-mode 1',
      '--hashlimit-name 1',
      '--hashlimit-htable-size 1',
      '--hashlimit-htable-max 1',
      '--hashlimit-htable-gcinterval 1',
      '--hashlimit-htable-expire 1',
      '--hashlimit-srcmask 1',
      '--hashlimit-dstmask 1',
    ),
  ],
  [
    'recent',
    spec(
      '--set 0',
      '--rcheck 0',
      '--update 0',
      '--remove 0',
      '--seconds 1',
      '--reap 0',
      '--hitcount 1',
      '--rttl 0',
      '--name 1',
      '--mask 1',
      '--rsource 0',
      '--rdest 0',
    ),
  ],
  [
    'connlimit',
    spec(
      '--connlimit-upto 1',
      '--connlimit-above 1',
      '--connlimit-mask 1',
      '--connlimit-saddr 0',
      '--connlimit-daddr 0',
    ),
  ],
  ['statistic', spec('--mode 1', '--probability 1', '--every 1', '--packet 1')],
  ['string', spec('--string quoted', '--hex-string quoted', '--algo 1', '--from 1', '--to 1', '--icase 0')],
  ['u32', spec('--u32 quoted')],
  ['bpf', spec('--bytecode quoted', '--object-pinned 1')],
  ['helper', spec('--helper text')],
  ['set', spec('--match-set 2', '--return-nomatch 0')],
  ['rpfilter', spec('--loose 0', '--validmark 0', '--accept-local 0', '--invert 0')],
  ['socket', spec('--transparent 0', '--nowildcard 0', '--restore-skmark 0')],
]);

const targetSpecs: ReadonlyMap<string, ModuleSpec> = new Map([
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
]);

/** Targets of iptables and ip6tables that have no options table here but are no chains either. */
const otherTargets: ReadonlySet<string> = new Set([
  'AUDIT',
  'CLASSIFY',
  'CLUSTERIP',
  'CONNSECMARK',
  'CT',
  'DNPT',
  'DSCP',
  'ECN',
  'HL',
  'HMARK',
  'IDLETIMER',
  'LED',
  'NFQUEUE',
  'RATEEST',
  'SECMARK',
  'SET',
  'SNPT',
  'SYNPROXY',
  'TCPOPTSTRIP',
  'TEE',
  'TOS',
  'TPROXY',
  'TTL',
]);

export function matchSpec(module: string): ModuleSpec | undefined {
  return matchSpecs.get(module);
}

export function targetSpec(name: string): ModuleSpec | undefined {
  return targetSpecs.get(name);
}

/** A verdict or a target extension, as opposed to a user-defined chain. */
export function isTargetExtension(name: string): boolean {
  return targetSpecs.has(name) || otherTargets.has(name);
}

/** The verdicts of the kernel's standard target. */
export function isVerdict(name: string): boolean {
  return name === 'ACCEPT' || name === 'DROP' || name === 'RETURN' || name === 'QUEUE';
}

/** iptables loads the protocol's match by itself when one of its options follows `-p`. */
export function protocolModule(protocol: string): string | undefined {
  switch (protocol) {
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'dccp':
    case 'icmp':
    case 'esp':
      return protocol;
    case 'ipv6-icmp':
      return 'icmp6';
    default:
      return undefined;
  }
}
