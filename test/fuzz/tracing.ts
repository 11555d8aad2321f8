/**
 * Has the kernel write down which rules the packets of a place meet on the host. In: a place that was observed. Out: what was traced.
 * A table of its own marks what comes in first of all; of TCP what opens or refuses a connection, since no more is compared.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { systemPath } from '../../src/kernel/process.ts';
import { type Family, ipv4 } from '../../src/net/addr.ts';
import { type HostCase, isDual } from './case.ts';
import { bind, SystemError, send, socket } from './native.ts';
import { parseTrace, positionsIn, type Traced, tracingTable, trackedIn } from './path.ts';
import type { Place } from './place.ts';

/** Behind the reassembly of fragments at -400 and before everything else (netfilter_ipv4.h). */
const priority = -399;

/** Datagrams of this port show what has been written so far; they go nowhere. */
const signPort = 39_000;

/** Milliseconds within which a sign must be seen. */
const patience = 10_000;

/** Traces while `body` runs. Throws when the trace is incomplete. */
export async function whileTraced<T>(
  place: Place,
  hostCase: HostCase,
  body: () => Promise<T>,
): Promise<{ readonly result: T; readonly traced: Traced }> {
  const families = isDual(hostCase) ? ['ip', 'ip6'] : ['ip'];
  await place.run('host', ['nft', '-f', '-'], families.map(tableText).join(''));
  const monitor = place.namespace('host').within(() =>
    spawn('nft', ['-a', 'monitor', 'trace'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: systemPath() },
    }),
  );
  try {
    const output = new Output(monitor);
    const [listing] = await Promise.all([
      place.run('host', ['nft', '-j', 'list', 'ruleset']),
      output.until(place, signPort + 1),
    ]);
    const result = await body();
    const traced = {
      visits: parseTrace(await output.until(place, signPort + 2)),
      positions: positionsIn(listing),
      tracked: new Set([...trackedIn(listing), ...trackedByLegacy(hostCase)]),
    };
    return { result, traced };
  } finally {
    monitor.kill('SIGKILL');
  }
}

/** What legacy rules need is not in nft's listing: they count whatever they are. */
function trackedByLegacy({ legacy, legacy6 }: HostCase): readonly Family[] {
  return [
    ...(legacy.length > 0 ? (['ipv4'] as const) : []),
    ...(legacy6.length > 0 ? (['ipv6'] as const) : []),
  ];
}

function tableText(family: string): string {
  const mark = [
    `meta l4proto tcp tcp flags & (syn | rst) != 0 meta nftrace set 1`,
    `meta l4proto != tcp meta nftrace set 1`,
  ];
  const chain = (hook: string, rules: readonly string[]) =>
    `chain ${hook} {\n type filter hook ${hook} priority ${priority};\n ${rules.join('\n ')}\n}\n`;
  const sign = `udp sport ${signPort} meta nftrace set 1 drop`;
  return `table ${family} ${tracingTable} {\n${chain('prerouting', mark)}${chain('output', [sign, ...mark])}}\n`;
}

/** What the monitor says. */
class Output {
  private text = '';
  private complaints = '';
  private ended = false;

  constructor(monitor: ChildProcess) {
    monitor.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
    });
    monitor.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.complaints += text;
    });
    monitor.on('error', (error) => {
      this.complaints += error.message;
    });
    monitor.on('exit', () => {
      this.ended = true;
    });
  }

  /** Sends signs to `port` until one is seen: all that is before it, which is all that happened before. Throws when something is missing. */
  async until(place: Place, port: number): Promise<string> {
    const sign = ` udp sport ${signPort} udp dport ${port} `;
    for (const deadline = Date.now() + patience; !this.text.includes(sign); ) {
      if (this.ended || Date.now() > deadline)
        throw new Error(`nft monitor shows nothing: ${this.complaints}`);
      sendSign(place, port);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (/^# ERROR/m.test(this.text)) throw new Error('nft monitor lost a part of the trace');
    return this.text.slice(0, this.text.indexOf(sign));
  }
}

function sendSign(place: Place, port: number): void {
  place.namespace('host').within(() => {
    const fd = socket('ipv4', 'datagram');
    try {
      bind(fd, { addr: ipv4(0), port: signPort });
      send(fd, Buffer.from('sign'), { addr: ipv4(0x7f000001), port });
    } catch (error) {
      // What the tracing chain drops, its sender hears of.
      if (!(error instanceof SystemError && error.code === 'EPERM')) throw error;
    } finally {
      closeSync(fd);
    }
  });
}
