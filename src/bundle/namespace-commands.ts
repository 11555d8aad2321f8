/**
 * What is asked inside one network namespace: links, addresses, routes, rules, neighbours, sockets, settings and
 * firewall. In: the namespace's path. Out: the raw answers by name, and a note for each that could not be had.
 * Every command only lists; nothing is asked that would create a table or load a module.
 */
import type { Modules } from './modules.ts';
import { type Answer, installed, type RunOptions, run } from './process.ts';

/** Raw answers of one namespace by key, and what failed. */
export interface NamespaceAnswers {
  readonly answers: ReadonlyMap<AnswerKey, Buffer>;
  readonly failures: ReadonlyMap<AnswerKey, string>;
}

export type AnswerKey =
  | 'link'
  | 'addr'
  | 'route'
  | 'route6'
  | 'rule'
  | 'rule6'
  | 'neigh'
  | 'bridge-link'
  | 'bridge-fdb'
  | 'bridge-vlan'
  | 'tc'
  | 'ss'
  | 'sysctl'
  | 'conntrack'
  | 'ipset'
  | 'nft-json'
  | 'nft-text'
  | 'save'
  | 'save6'
  | 'legacy-save'
  | 'legacy-save6';

/** What the host itself is asked; a container has no use for the rest. */
export const hostQuestions: readonly AnswerKey[] = [
  'link',
  'addr',
  'route',
  'route6',
  'rule',
  'rule6',
  'neigh',
  'bridge-link',
  'bridge-fdb',
  'bridge-vlan',
  'tc',
  'ss',
  'sysctl',
  'conntrack',
  'ipset',
  'nft-json',
  'nft-text',
  'save',
  'save6',
  'legacy-save',
  'legacy-save6',
];

export const containerQuestions: readonly AnswerKey[] = [
  'addr',
  'route',
  'route6',
  'rule',
  'rule6',
  'neigh',
  'ss',
  'sysctl',
  'nft-text',
  'save',
  'save6',
  'legacy-save',
  'legacy-save6',
];

/** Which programs print the tables of each backend; undefined when there is none. */
export interface SaveTools {
  readonly nft: { readonly ipv4: string; readonly ipv6: string } | undefined;
  readonly legacy: { readonly ipv4: string; readonly ipv6: string } | undefined;
}

/** iptables 1.8 installs both by their own names; before that, and where only one is packaged, there is one name. */
export async function findSaveTools(): Promise<SaveTools> {
  const plain = { ipv4: 'iptables-save', ipv6: 'ip6tables-save' };
  const nft = installed('iptables-nft-save')
    ? { ipv4: 'iptables-nft-save', ipv6: 'ip6tables-nft-save' }
    : undefined;
  const legacy = installed('iptables-legacy-save')
    ? { ipv4: 'iptables-legacy-save', ipv6: 'ip6tables-legacy-save' }
    : undefined;
  if ((nft !== undefined && legacy !== undefined) || !installed(plain.ipv4)) return { nft, legacy };
  const version = await run([plain.ipv4, '-V']);
  return version.stdout.includes('nf_tables')
    ? { nft: nft ?? plain, legacy }
    : { nft, legacy: legacy ?? plain };
}

export interface Asking {
  /** Path of the namespace; undefined: our own. */
  readonly netns: string | undefined;
  readonly modules: Modules;
  readonly saveTools: SaveTools;
  readonly limit: <T>(task: () => Promise<T>) => Promise<T>;
}

/** The command line that runs `argv` inside the namespace. */
export function inside(netns: string | undefined, argv: readonly string[]): readonly string[] {
  return netns === undefined ? argv : ['nsenter', `--net=${netns}`, '--', ...argv];
}

/** Asks all the questions at once, as far as `limit` allows. */
export async function askNamespace(
  asking: Asking,
  questions: readonly AnswerKey[],
): Promise<NamespaceAnswers> {
  const answers = new Map<AnswerKey, Buffer>();
  const failures = new Map<AnswerKey, string>();
  const legacyTables = questions.includes('legacy-save')
    ? askLegacyTables(asking)
    : Promise.resolve(noTables);
  await Promise.all(
    questions.map(async (key) => {
      const answer = await ask(key, asking, legacyTables);
      if (answer === undefined) return;
      if (answer.ok) answers.set(key, answer.stdout);
      else failures.set(key, answer.failed);
    }),
  );
  return { answers, failures };
}

/** Undefined: there is nothing of this kind, and nothing to say about it. */
async function ask(
  key: AnswerKey,
  asking: Asking,
  legacyTables: Promise<LegacyTables>,
): Promise<Answer | undefined> {
  const { modules, saveTools } = asking;
  switch (key) {
    case 'save':
    case 'save6':
      // Without the module there is no table; the listing is known to be empty.
      if (modules.wouldLoad('nf_tables')) return text('# nf_tables is not loaded: no tables\n');
      return askSave(asking, saveTools.nft?.[key === 'save' ? 'ipv4' : 'ipv6'], 'iptables with nf_tables');
    case 'legacy-save':
    case 'legacy-save6': {
      const family = key === 'legacy-save' ? 'ipv4' : 'ipv6';
      const tables = (await legacyTables)[family];
      if (tables === 'none') return undefined;
      if (tables !== 'some') return { ok: false, stdout: Buffer.alloc(0), failed: tables.failed };
      return askSave(asking, saveTools.legacy?.[family], 'iptables-legacy');
    }
    case 'nft-json':
      if (modules.wouldLoad('nf_tables')) return text('{"nftables": []}\n');
      return command(asking, ['nft', '-j', 'list', 'ruleset']);
    case 'nft-text':
      if (modules.wouldLoad('nf_tables')) return text('');
      return command(asking, ['nft', 'list', 'ruleset']);
    case 'ipset':
      if (modules.wouldLoad('ip_set') || !installed('ipset')) return undefined;
      return command(asking, ['ipset', 'save']);
    case 'ss':
      // Without the diag modules ss would load them; with PROC_ROOT it reads /proc instead (iproute2, misc/ss.c).
      return command(asking, ['ss', '-H', '-l', '-n', '-t', '-u', '-p'], {
        env: ['inet_diag', 'tcp_diag', 'udp_diag'].some((m) => modules.wouldLoad(m))
          ? { PROC_ROOT: '/proc' }
          : {},
      });
    case 'sysctl': {
      const answer = await command(
        asking,
        ['grep', '-rsH', '--exclude=stable_secret', '', ...sysctlPaths],
        anyway,
      );
      return answer.ok && answer.stdout.length > 0
        ? text(sysctlLines(answer.stdout.toString('utf8')))
        : answer;
    }
    case 'conntrack': {
      const answer = await command(asking, ['cat', '/proc/net/nf_conntrack']);
      return answer.ok ? answer : undefined;
    }
    default:
      return command(asking, plainCommands[key]);
  }
}

const plainCommands: Readonly<
  Record<
    | 'link'
    | 'addr'
    | 'route'
    | 'route6'
    | 'rule'
    | 'rule6'
    | 'neigh'
    | 'bridge-link'
    | 'bridge-fdb'
    | 'bridge-vlan'
    | 'tc',
    readonly string[]
  >
> = {
  link: ['ip', '-d', '-j', 'link', 'show'],
  addr: ['ip', '-d', '-j', 'addr', 'show'],
  route: ['ip', '-4', '-j', 'route', 'show', 'table', 'all'],
  route6: ['ip', '-6', '-j', 'route', 'show', 'table', 'all'],
  rule: ['ip', '-4', '-j', 'rule', 'show'],
  rule6: ['ip', '-6', '-j', 'rule', 'show'],
  neigh: ['ip', '-j', 'neigh', 'show'],
  'bridge-link': ['bridge', '-d', '-j', 'link', 'show'],
  'bridge-fdb': ['bridge', '-j', 'fdb', 'show'],
  'bridge-vlan': ['bridge', '-j', 'vlan', 'show'],
  tc: ['tc', '-j', 'qdisc', 'show'],
};

/** grep ends with 1 or 2 when a file was missing or could not be read; what it printed still holds. */
const anyway: RunOptions = { accept: [1, 2] };

/** Settings that bear on a packet's way. Not all of net.*: some hold keys, some are written only. */
const sysctlPaths: readonly string[] = [
  ...['ipv4/conf', 'ipv6/conf', 'bridge'].map((folder) => `/proc/sys/net/${folder}`),
  ...[
    'ipv4/ip_forward',
    'ipv4/ip_forward_update_priority',
    'ipv4/ip_forward_use_pmtu',
    'ipv4/ip_local_port_range',
    'ipv4/ip_nonlocal_bind',
    'ipv4/ip_no_pmtu_disc',
    'ipv4/ip_unprivileged_port_start',
    'ipv4/ping_group_range',
    'ipv4/icmp_echo_ignore_all',
    'ipv4/icmp_echo_ignore_broadcasts',
    'ipv4/fib_multipath_hash_policy',
    'ipv4/fwmark_reflect',
    'ipv6/bindv6only',
    'ipv6/icmp/echo_ignore_all',
    'ipv6/ip_nonlocal_bind',
    'netfilter/nf_conntrack_buckets',
    'netfilter/nf_conntrack_count',
    'netfilter/nf_conntrack_max',
    'netfilter/nf_conntrack_tcp_be_liberal',
    'netfilter/nf_conntrack_acct',
  ].map((file) => `/proc/sys/net/${file}`),
];

/** `/proc/sys/net/ipv4/conf/eth0.100/rp_filter:1` as sysctl(8) writes it, dots inside a name as slashes; sorted. */
export function sysctlLines(grepped: string): string {
  const lines = grepped.split('\n').flatMap((line) => {
    const match = /^\/proc\/sys\/([^:]+):(.*)$/.exec(line);
    if (match?.[1] === undefined) return [];
    const name = match[1]
      .split('/')
      .map((part) => part.replaceAll('.', '/'))
      .join('.');
    return [`${name} = ${match[2] ?? ''}`];
  });
  return `${lines.sort().join('\n')}\n`;
}

function command(asking: Asking, argv: readonly string[], options: RunOptions = {}): Promise<Answer> {
  return asking.limit(() => run(inside(asking.netns, argv), options));
}

function askSave(asking: Asking, tool: string | undefined, what: string): Promise<Answer> {
  if (tool !== undefined) return command(asking, [tool]);
  return Promise.resolve({ ok: false, stdout: Buffer.alloc(0), failed: `${what} is not installed` });
}

function text(content: string): Answer {
  return { ok: true, stdout: Buffer.from(content) };
}

interface LegacyTables {
  readonly ipv4: 'none' | 'some' | { readonly failed: string };
  readonly ipv6: 'none' | 'some' | { readonly failed: string };
}
const noTables: LegacyTables = { ipv4: 'none', ipv6: 'none' };

/** A legacy table springs into being when it is listed, so the kernel is first asked which there are. */
async function askLegacyTables(asking: Asking): Promise<LegacyTables> {
  const read = async (path: string): Promise<LegacyTables['ipv4']> => {
    const answer = await command(asking, ['cat', path]);
    if (answer.ok) return answer.stdout.length > 0 ? 'some' : 'none';
    // The file is there only once the legacy core is loaded.
    return answer.failed.includes('No such file') ? 'none' : { failed: answer.failed };
  };
  const [ipv4, ipv6] = await Promise.all([
    read('/proc/net/ip_tables_names'),
    read('/proc/net/ip6_tables_names'),
  ]);
  return { ipv4, ipv6 };
}
