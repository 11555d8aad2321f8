/**
 * Damage to bundles: bytes, lines, words, numbers, JSON values, whole files. In: the files of a bundle and mutations, which are plain
 * data. Out: damaged files. A mutation repeats itself, so that a case can be made smaller by leaving mutations out.
 */
import { mutateJson } from './mutate-json.ts';
import { Random } from './random.ts';

export type Files = ReadonlyMap<string, Uint8Array>;

/** What is done to one file; `seed` decides where and with what. */
export interface Mutation {
  readonly kind: (typeof kinds)[number];
  readonly file: string;
  readonly seed: number;
}

const kinds = [
  'bytes',
  'line-delete',
  'line-repeat',
  'line-swap',
  'word',
  'number',
  'hostile-word',
  'rule',
  'json',
  'json',
  'json',
  'cut',
  'empty',
  'remove',
  'exchange',
  'rename',
  'rename',
] as const;

/** Files by how much of the program reads them; others count once. */
const weights: Readonly<Record<string, number>> = {
  'iptables-save.txt': 10,
  'nft-ruleset.json': 8,
  'docker-network-inspect.json': 8,
  'docker-container-inspect.json': 8,
  'sandboxes.json': 6,
  'daemon.json': 5,
  'ip6tables-save.txt': 4,
  'ip-addr.json': 4,
  'ip-link.json': 4,
  'ip-route.json': 4,
  'bridge-link.json': 3,
  'ip-rule.json': 3,
  'ip-neigh.json': 2,
  'sysctl.txt': 3,
  'ss.txt': 3,
  'outside.json': 3,
  'dockerd.log': 3,
  'local-kv.db': 3,
  'docker-info.json': 3,
  'docker-proxy.txt': 2,
};

/** The mutations of one case: few, since much damage hides what little does. */
export function mutationsOf(files: Files, random: Random): readonly Mutation[] {
  const names = [...files.keys()].flatMap((name) => Array.from({ length: weights[name] ?? 1 }, () => name));
  const count = 1 + random.below(random.chance(0.2) ? 8 : 3);
  return Array.from({ length: count }, () => ({
    kind: random.pick(kinds),
    file: random.pickAny(names) ?? '',
    seed: random.below(2 ** 31),
  }));
}

export function damaged(files: Files, mutations: readonly Mutation[]): Files {
  return mutations.reduce(mutate, files);
}

function mutate(files: Files, { kind, file, seed }: Mutation): Files {
  const bytes = files.get(file);
  if (bytes === undefined) return files;
  const random = new Random(seed);
  if (kind === 'rename') return renamed(files, random);
  if (kind === 'remove') return new Map([...files].filter(([name]) => name !== file));
  if (kind === 'exchange') {
    const other = random.pickAny([...files.values()]) ?? bytes;
    return new Map([...files, [file, other]]);
  }
  return new Map([...files, [file, mutatedBytes(kind, bytes, random)]]);
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function mutatedBytes(kind: Mutation['kind'], bytes: Uint8Array, random: Random): Uint8Array {
  switch (kind) {
    case 'bytes':
      return withRandomBytes(bytes, random);
    case 'cut':
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 'empty':
      return new Uint8Array();
    case 'remove':
    case 'exchange':
    case 'rename':
      return bytes;
    default:
      return encoder.encode(mutatedText(kind, decoder.decode(bytes), random));
  }
}

function withRandomBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const count = 1 + random.below(8);
  for (let i = 0; i < count && copy.length > 0; i++) copy[random.below(copy.length)] = random.below(256);
  return copy;
}

/** A container, network, chain or device with a hostile name wherever it is named, so that the name comes through to what is printed. */
function renamed(files: Files, random: Random): Files {
  const inspected = [
    'docker-network-inspect.json',
    'docker-container-inspect.json',
    'ip-link.json',
    'sandboxes.json',
  ];
  const names = inspected.flatMap((file) => {
    const text = decoder.decode(files.get(file));
    return [...text.matchAll(/"(?:Name|name|ifname|EndpointID)": ?"\/?([^"\\]{3,})"/g)].map(
      (match) => match[1] ?? '',
    );
  });
  const name = random.pickAny([...new Set(names)]);
  if (name === undefined) return files;
  const word = random.pick(hostileWords).replaceAll(/[\n\ud800]/g, '');
  const inJson = JSON.stringify(word).slice(1, -1);
  return new Map(
    [...files].map(([file, bytes]) => {
      if (file.endsWith('.db')) return [file, bytes];
      const text = decoder.decode(bytes);
      return [file, encoder.encode(text.replaceAll(name, () => (file.endsWith('.json') ? inJson : word)))];
    }),
  );
}

type TextKind = Exclude<Mutation['kind'], 'bytes' | 'cut' | 'empty' | 'remove' | 'exchange' | 'rename'>;

function mutatedText(kind: TextKind, text: string, random: Random): string {
  switch (kind) {
    case 'line-delete':
      return onLines(text, (lines) => lines.splice(random.below(lines.length), 1 + random.below(4)));
    case 'line-repeat':
      return onLines(text, (lines) => {
        const at = random.below(lines.length);
        const times = random.chance(0.05) ? 5000 : 1 + random.below(5);
        lines.splice(at, 0, ...Array.from({ length: times }, () => lines[at] ?? ''));
      });
    case 'line-swap':
      return onLines(text, (lines) => {
        const [from, to] = [random.below(lines.length), random.below(lines.length)];
        [lines[from], lines[to]] = [lines[to] ?? '', lines[from] ?? ''];
      });
    case 'word':
      return onMatch(text, /[\w./:-]+/g, random, () => random.pickAny(text.match(/[\w./:-]+/g) ?? []) ?? '');
    case 'number':
      return onMatch(text, /-?\d+/g, random, () => random.pick(numbers));
    case 'hostile-word':
      return onMatch(text, /[\w./:-]+/g, random, () => random.pick(hostileWords));
    case 'rule':
      return onLines(text, (lines) => lines.splice(random.below(lines.length), 0, ruleLine(lines, random)));
    case 'json':
      return mutateJson(text, random);
  }
}

function onLines(text: string, change: (lines: string[]) => void): string {
  const lines = text.split('\n');
  change(lines);
  return lines.join('\n');
}

/** Replaces one occurrence of the pattern. */
function onMatch(text: string, pattern: RegExp, random: Random, change: () => string): string {
  const found = [...text.matchAll(pattern)];
  const match = random.pickAny(found);
  if (match === undefined) return text;
  return text.slice(0, match.index) + change() + text.slice(match.index + match[0].length);
}

export const numbers = [
  '0',
  '-1',
  '1',
  '255',
  '256',
  '65535',
  '65536',
  '2147483648',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '18446744073709551616',
  '99999999999999999999999999999999999999999',
  '1e309',
  '0x7fffffff',
  '00',
] as const;

/** Names that programs stumble over: members of every object, controls of terminals, paths, nothing, very much. */
export const hostileWords = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  ' ',
  '\u0000',
  '\u001b[2J\u001b]0;owned\u0007',
  '\u202e\u0085',
  '../../../../etc/shadow',
  '$(reboot)',
  '`reboot`',
  '-j',
  '--',
  '!',
  '*',
  '@s',
  '{{.}}',
  'x'.repeat(5000),
  '0.0.0.0/0',
  '::/0',
  '::ffff:10.0.0.1',
  '255.255.255.255',
  'fe80::1%eth0',
  'lo',
  'docker0',
  '容器',
  '\ud800',
] as const;

const conditions = [
  '-m set --match-set x src,dst',
  '-m u32 --u32 "0>>22&0x3C@0>>22&0x3C@0=0:4294967295"',
  '-m conntrack ! --ctstate NEW,DNAT --ctorigdst 0.0.0.0/0 --ctexpire 0:1',
  '-m addrtype ! --dst-type LOCAL --limit-iface-in --limit-iface-out',
  '-m time --timestart 25:99 --weekdays Mon,Xyz',
  '-m multiport --ports 0:65535,1,2,3',
  '-m recent --rcheck --seconds 4294967295 --hitcount 255 --name a/b',
  '-m physdev --physdev-in "" ! --physdev-is-bridged',
  '-m iprange --src-range 255.255.255.255-0.0.0.0',
  '-p icmp -m icmp --icmp-type 999/999',
  '-s 10.0.0.0/255.0.255.0 ! -i +',
  '-m rpfilter --loose --validmark --invert',
  '-m nosuch --nosuch',
] as const;

const actions = [
  'ACCEPT',
  'DROP',
  'NETMAP --to 0.0.0.0/0',
  'DNAT --to-destination :99999-0',
  'SNAT --to-source [::1]:1-2-3',
  'MARK --set-xmark 0xffffffffff/0x1',
  'CT --zone 99999999 --helper x',
  'TPROXY --on-port 0 --on-ip 1.2.3',
  'REJECT --reject-with icmp-nothing',
  'TTL --ttl-set 999',
  'NFQUEUE --queue-balance 5:1',
  'TCPMSS --set-mss -5',
  'SET --add-set x src --exist',
] as const;

/** A rule of a chain that the text declares, often one that leads back to itself. */
function ruleLine(lines: readonly string[], random: Random): string {
  const chains = lines.flatMap((line) => /^:(\S+)/.exec(line)?.[1] ?? []);
  const chain = random.pickAny(chains) ?? 'FORWARD';
  const condition = random.chance(0.6) ? ` ${random.pick(conditions)}` : '';
  const jump = random.chance(0.4)
    ? `-${random.pick(['j', 'g'])} ${random.pickAny(chains) ?? chain}`
    : `-j ${random.pick(actions)}`;
  return `-A ${chain}${condition} ${jump}`;
}
