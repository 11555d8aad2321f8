/**
 * Tells when a host's firewall or links change. In: its namespace. Out: calls of a listener, several changes at once as one. `nft
 * monitor` sees native and iptables-nft rules, `ip monitor` links, addresses and routes; the kernel tells nobody of iptables-legacy,
 * whose rules are read again and again where there are any, nor of sysctls, for which the listener is called from time to time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { inNamespace, type NamespacePath } from '../kernel/namespace.ts';
import { run, systemPath } from '../kernel/process.ts';

export interface Watching {
  stop(): void;
}

/** Milliseconds without a further event after which the listener is called. */
const quiet = 30;
/** Milliseconds after which it is called in any case. */
const always = 5000;
/** Milliseconds between two looks at legacy rules. */
const legacyEvery = 400;

const monitors: readonly (readonly string[])[] = [
  ['nft', 'monitor'],
  ['ip', 'monitor', 'link', 'address', 'route'],
];

/** Calls `listener` at once and after changes, never twice at the same time, until stopped. */
export function watchHost(netns: NamespacePath, listener: () => Promise<void>): Watching {
  let timer: NodeJS.Timeout | undefined;
  let busy = false;
  let again = false;
  let stopped = false;
  const callIn = (milliseconds: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void call(), milliseconds);
  };
  const call = async (): Promise<void> => {
    busy = true;
    again = false;
    await listener();
    busy = false;
    if (!stopped) callIn(again ? quiet : always);
  };
  const changed = (): void => {
    if (busy) again = true;
    else callIn(quiet);
  };
  const children = monitors.map((argv) => start(inNamespace(netns, argv), changed));
  const legacy = watchLegacy(netns, changed);
  callIn(0);
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      legacy.stop();
      for (const child of children) child.kill('SIGTERM');
    },
  };
}

function start([tool = '', ...args]: readonly string[], changed: () => void): ChildProcess {
  const child = spawn(tool, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C', PATH: systemPath() },
  });
  child.stdout.on('data', changed);
  // Without its events the listener is called from time to time all the same.
  child.on('error', () => undefined);
  return child;
}

function watchLegacy(netns: NamespacePath, changed: () => void): Watching {
  let before: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const now = await legacyRules(netns);
    if (before !== undefined && now !== before) changed();
    before = now;
    if (!stopped) timer = setTimeout(() => void look(), legacyEvery);
  };
  void look();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Rules of iptables-legacy without counters. Its tables spring into being when they are listed, so the kernel is first asked for them. */
async function legacyRules(netns: NamespacePath): Promise<string> {
  const read = (...argv: readonly string[]) =>
    run({ argv: inNamespace(netns, argv) }).then(
      ({ stdout }) => stdout,
      () => '',
    );
  const [names, names6] = await Promise.all([
    read('cat', '/proc/net/ip_tables_names'),
    read('cat', '/proc/net/ip6_tables_names'),
  ]);
  const [rules, rules6] = await Promise.all([
    names === '' ? '' : read('iptables-legacy-save'),
    names6 === '' ? '' : read('ip6tables-legacy-save'),
  ]);
  return `${rules}${rules6}`.replace(/^#.*$|\[\d+:\d+\]/gm, '');
}
