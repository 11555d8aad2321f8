/**
 * What is asked inside one network namespace: links, addresses, routes, rules, neighbours, sockets, settings and
 * firewall. In: the namespace's path. Out: the raw answers by name, and a note for each that could not be had.
 * Every command only lists; nothing is asked that would create a table or load a module.
 */
import type { Modules } from './modules.ts';
import { type Answer, installed, type RunOptions, run } from './process.ts';
import { type LegacyTables, legacyTables, settingsPaths, sysctlLines } from './settings.ts';

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

/** Raw answers of one namespace by key, and what failed. Neither: there is nothing of this kind. */
export interface NamespaceAnswers {
  readonly answers: ReadonlyMap<AnswerKey, Buffer>;
  readonly failures: ReadonlyMap<AnswerKey, string>;
}

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

/** Everything that a diagnosis may need, or only what a plan is compared with, in a fraction of the time. */
export type CaptureScope = 'everything' | 'planned';

export interface Asking {
  /** Path of the namespace; undefined: our own. */
  readonly netns: string | undefined;
  /** A host is also asked for its bridges, queues, connections and sets. */
  readonly role: 'host' | 'container';
  readonly scope: CaptureScope;
  readonly modules: Modules;
  readonly saveTools: SaveTools;
  readonly limit: <T>(task: () => Promise<T>) => Promise<T>;
}

/** The command line that runs `argv` inside the namespace. */
export function inside(netns: string | undefined, argv: readonly string[]): readonly string[] {
  return netns === undefined ? argv : ['nsenter', `--net=${netns}`, '--', ...argv];
}

/** Asks everything at once, as far as `limit` allows. */
export async function askNamespace(asking: Asking): Promise<NamespaceAnswers> {
  const answers = new Map<AnswerKey, Buffer>();
  const failures = new Map<AnswerKey, string>();
  const put = (key: AnswerKey, answer: Answer | undefined): void => {
    if (answer === undefined) return;
    if (answer.ok) answers.set(key, answer.stdout);
    else failures.set(key, answer.failed);
  };
  await Promise.all(partsOf(asking).map((part) => part(asking, put)));
  return { answers, failures };
}

type Put = (key: AnswerKey, answer: Answer | undefined) => void;
type Part = (asking: Asking, put: Put) => Promise<void>;

const ipLists: readonly (readonly [AnswerKey, string])[] = [
  ['addr', 'addr show'],
  ['route', 'route show table all'],
  ['rule', 'rule show'],
  ['neigh', 'neigh show'],
];
const ip6Lists: readonly (readonly [AnswerKey, string])[] = [
  ['route6', 'route show table all'],
  ['rule6', 'rule show'],
];

function partsOf({ role, scope }: Asking): readonly Part[] {
  if (scope === 'everything')
    return role === 'host' ? [...compared, ...sockets, ...onHosts] : [...compared, ...sockets];
  return role === 'host' ? [...compared, askNftJson] : [askAddresses];
}

const compared: readonly Part[] = [
  (asking, put) =>
    askIp(asking, [], asking.role === 'host' ? [['link', 'link show'], ...ipLists] : ipLists, put),
  (asking, put) => askIp(asking, ['-6'], ip6Lists, put),
  askSettings,
  askNft,
];

const sockets: readonly Part[] = [async (asking, put) => put('ss', await askSockets(asking))];

const onHosts: readonly Part[] = [
  async (asking, put) => put('bridge-link', await command(asking, ['bridge', '-d', '-j', 'link', 'show'])),
  async (asking, put) => put('bridge-fdb', await command(asking, ['bridge', '-j', 'fdb', 'show'])),
  async (asking, put) => put('bridge-vlan', await command(asking, ['bridge', '-j', 'vlan', 'show'])),
  async (asking, put) => put('tc', await command(asking, ['tc', '-j', 'qdisc', 'show'])),
  askNftJson,
  async (asking, put) => {
    const answer = await command(asking, ['cat', '/proc/net/nf_conntrack']);
    if (answer.ok) put('conntrack', answer);
    // Kernels without that file have the same over netlink, by a tool that few hosts have.
    else if (
      installed('conntrack') &&
      !['nf_conntrack', 'nf_conntrack_netlink'].some(asking.modules.wouldLoad)
    )
      put('conntrack', await command(asking, ['conntrack', '-L', '-o', 'extended']));
  },
  async (asking, put) => {
    if (!asking.modules.wouldLoad('ip_set') && installed('ipset'))
      put('ipset', await command(asking, ['ipset', 'save']));
  },
];

/** Enough to know a container's link on the host by. */
function askAddresses(asking: Asking, put: Put): Promise<void> {
  return askIp(asking, [], [['addr', 'addr show']], put);
}

async function askNftJson(asking: Asking, put: Put): Promise<void> {
  if (asking.modules.wouldLoad('nf_tables')) put('nft-json', text('{"nftables": []}\n'));
  else put('nft-json', await command(asking, ['nft', '-j', 'list', 'ruleset']));
}

/**
 * Several lists in one process, since a host can have a hundred containers. ip prints one line of JSON for each and
 * stops at the first that fails; then each is asked alone, so that one refusal does not hide the others.
 */
async function askIp(
  asking: Asking,
  family: readonly string[],
  wanted: readonly (readonly [AnswerKey, string])[],
  put: Put,
): Promise<void> {
  const batch = await command(asking, ['ip', ...family, '-d', '-j', '-batch', '-'], {
    stdin: wanted.map(([, list]) => `${list}\n`).join(''),
  });
  const lines = batch.stdout
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  if (batch.ok && lines.length === wanted.length) {
    for (const [index, [key]] of wanted.entries()) put(key, text(`${lines[index] ?? ''}\n`));
    return;
  }
  await Promise.all(
    wanted.map(async ([key, list]) =>
      put(key, await command(asking, ['ip', ...family, '-d', '-j', ...list.split(' ')])),
    ),
  );
}

/** Without the diag modules ss would load them; with PROC_ROOT it reads /proc instead (iproute2, misc/ss.c). */
function askSockets(asking: Asking): Promise<Answer> {
  const bare = ['inet_diag', 'tcp_diag', 'udp_diag'].some((name) => asking.modules.wouldLoad(name));
  const env = bare ? { PROC_ROOT: '/proc' } : {};
  // Whose a socket is, matters on the host; to find out, ss looks at every process there is.
  const whose = asking.role === 'host' ? ['-p'] : [];
  return command(asking, ['ss', '-H', '-l', '-n', '-t', '-u', ...whose], { env });
}

/** Settings, and the legacy tables: those spring into being when listed, so the kernel is first asked which there are. */
async function askSettings(asking: Asking, put: Put): Promise<void> {
  // grep ends with 1 or 2 when a file was missing or could not be read; what it printed still holds.
  const answer = await command(asking, ['grep', '-rH', '--exclude=stable_secret', '', ...settingsPaths], {
    accept: [1, 2],
  });
  if (!answer.ok || answer.stdout.length === 0) {
    put('sysctl', answer.ok ? failure(answer.stderr.split('\n')[0] ?? 'nothing could be read') : answer);
    return;
  }
  const grepped = answer.stdout.toString('utf8');
  put('sysctl', text(sysctlLines(grepped)));
  const save = async (key: AnswerKey, tables: LegacyTables, tool: string | undefined): Promise<void> => {
    if (tables === 'unreadable') put(key, failure('the list of legacy tables may be read by root only'));
    else if (tables === 'some') put(key, await askSave(asking, tool, 'iptables-legacy'));
  };
  const tools = asking.saveTools.legacy;
  await Promise.all([
    save('legacy-save', legacyTables('ipv4', grepped, answer.stderr), tools?.ipv4),
    save('legacy-save6', legacyTables('ipv6', grepped, answer.stderr), tools?.ipv6),
  ]);
}

/** The nft listing, and iptables' view of its tables in it; where the listing is empty there are none to view. */
async function askNft(asking: Asking, put: Put): Promise<void> {
  const listing = asking.modules.wouldLoad('nf_tables')
    ? text('')
    : await command(asking, ['nft', 'list', 'ruleset']);
  put('nft-text', listing);
  if (listing.ok && listing.stdout.toString('utf8').trim() === '') {
    put('save', listing);
    put('save6', listing);
    return;
  }
  const tools = asking.saveTools.nft;
  const [save, save6] = await Promise.all([
    askSave(asking, tools?.ipv4, 'iptables with nf_tables'),
    askSave(asking, tools?.ipv6, 'iptables with nf_tables'),
  ]);
  put('save', save);
  put('save6', save6);
}

function command(asking: Asking, argv: readonly string[], options: RunOptions = {}): Promise<Answer> {
  return asking.limit(() => run(inside(asking.netns, argv), options));
}

function askSave(asking: Asking, tool: string | undefined, what: string): Promise<Answer> {
  return tool === undefined ? Promise.resolve(failure(`${what} is not installed`)) : command(asking, [tool]);
}

function text(content: string): Answer {
  return { ok: true, stdout: Buffer.from(content), stderr: '' };
}

function failure(reason: string): Answer {
  return { ok: false, stdout: Buffer.alloc(0), failed: reason };
}
