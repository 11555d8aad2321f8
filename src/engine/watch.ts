/**
 * Tells when a host's firewall or links change. In: its namespace. Out: calls of a listener, several changes at once as one. `nft
 * monitor` sees native and iptables-nft rules, `ip monitor` links, addresses and routes; iptables-legacy and sysctls
 * tell nobody: for those it calls from time to time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { inNamespace, type NamespacePath } from '../kernel/namespace.ts';
import { isInstalled, systemPath } from '../kernel/process.ts';

export interface Watching {
  stop(): void;
}

/** Milliseconds without a further event after which the listener is called. */
const quiet = 40;
/** Milliseconds after which it is called in any case: for what has no events. */
const always = 2000;
/** The same where no monitor can be started, and for iptables-legacy. */
const blind = 400;

const monitors: readonly (readonly string[])[] = [
  ['nft', 'monitor'],
  ['ip', 'monitor', 'link', 'address', 'route'],
];

/** Calls `listener` after changes, never twice at once, until stopped. `legacy`: rules are in iptables-legacy. */
export function watchHost(netns: NamespacePath, legacy: boolean, listener: () => Promise<void>): Watching {
  let timer: NodeJS.Timeout | undefined;
  let busy = false;
  let again = false;
  let stopped = false;
  const every = legacy || !isInstalled('nft') ? blind : always;
  const wait = (milliseconds: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void call(), milliseconds);
  };
  const call = async (): Promise<void> => {
    busy = true;
    again = false;
    await listener();
    busy = false;
    if (!stopped) wait(again ? quiet : every);
  };
  const changed = (): void => {
    if (busy) again = true;
    else wait(quiet);
  };
  const children = monitors
    .filter(([tool = '']) => isInstalled(tool))
    .map((argv) => start(netns, argv, changed));
  wait(0);
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      for (const child of children) child.kill('SIGTERM');
    },
  };
}

function start(netns: NamespacePath, argv: readonly string[], changed: () => void): ChildProcess {
  const [tool = '', ...args] = inNamespace(netns, argv);
  const child = spawn(tool, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C', PATH: systemPath() },
  });
  child.stdout.on('data', changed);
  // Without its events the listener is called from time to time all the same.
  child.on('error', () => undefined);
  return child;
}
