/**
 * A program of its own that lives in a namespace of a case and keeps it: it writes sysctls, listens, and asks. In: requests over the
 * channel to its parent. Out: one answer to each. It ends with the channel. It decides nothing: what it saw is compared elsewhere.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { sysctlPath } from '../../src/kernel/sysctl-path.ts';

export type AgentRequest =
  | { readonly kind: 'sysctls'; readonly settings: readonly string[] }
  | {
      readonly kind: 'listen';
      readonly name: string;
      readonly tcp: readonly number[];
      readonly udp: readonly number[];
      /** The namespace's own addresses: a UDP socket for all of them would answer from the one that its route prefers. */
      readonly addresses: readonly string[];
    }
  | {
      readonly kind: 'ping' | 'tcp' | 'udp';
      readonly dst: string;
      readonly port: number;
      /** Milliseconds to wait for an answer. */
      readonly patience: number;
    };

/** What one end of a flow saw; for a listener's answer also who it was, where it was asked and by whom. */
export interface Seen {
  readonly outcome: string;
  readonly server?: string;
  readonly at?: string;
  readonly from?: string;
}

export type AgentAnswer = { readonly ok: Seen } | { readonly error: string };

const errnoOutcomes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ENETUNREACH: 'net-unreachable',
  EHOSTUNREACH: 'host-unreachable',
  ETIMEDOUT: 'timeout',
};

function outcomeOf(error: NodeJS.ErrnoException): Seen {
  const code = error.code ?? error.message;
  return { outcome: errnoOutcomes[code] ?? code };
}

function writeSysctls(settings: readonly string[]): void {
  for (const setting of settings) {
    const [name = '', value = ''] = setting.split('=');
    writeFileSync(sysctlPath(name), `${value}\n`);
  }
}

function listenTcp(server: string, port: number): Promise<void> {
  const listener = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => {
      const at = `${socket.localAddress}:${socket.localPort}`;
      socket.end(JSON.stringify({ server, at, from: socket.remoteAddress }));
    });
  });
  return new Promise((resolve, reject) => {
    listener.on('error', reject);
    listener.listen(port, '0.0.0.0', resolve);
  });
}

function listenUdp(server: string, address: string, port: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (_, peer) => {
    // No route back is an answer too: the asker hears nothing.
    const answer = JSON.stringify({ server, at: `${address}:${port}`, from: peer.address });
    socket.send(answer, peer.port, peer.address, () => {});
  });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.bind(port, address, () => {
      socket.off('error', reject);
      socket.on('error', () => {});
      resolve();
    });
  });
}

function askTcp(dst: string, port: number, patience: number): Promise<Seen> {
  return new Promise((resolve) => {
    let connected = false;
    let heard = '';
    const socket = connect({ host: dst, port }, () => {
      connected = true;
      socket.write('who am I?');
    });
    const end = (seen: Seen): void => {
      clearTimeout(timer);
      resolve(seen);
      socket.destroy();
    };
    const timer = setTimeout(
      () => end({ outcome: connected ? 'connected-then-timeout' : 'timeout' }),
      patience,
    );
    socket.on('error', (error) => end(connected ? { outcome: 'connected-then-closed' } : outcomeOf(error)));
    socket.on('data', (chunk) => {
      heard += chunk.toString();
    });
    socket.on('end', () =>
      end(heard === '' ? { outcome: 'connected-then-closed' } : { outcome: 'ok', ...JSON.parse(heard) }),
    );
  });
}

function askUdp(dst: string, port: number, patience: number): Promise<Seen> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (seen: Seen): void => {
      clearTimeout(timer);
      resolve(seen);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.close();
    };
    const timer = setTimeout(() => end({ outcome: 'timeout' }), patience);
    socket.on('error', (error) => end(outcomeOf(error)));
    socket.on('message', (message) => end({ outcome: 'ok', ...JSON.parse(message.toString()) }));
    socket.connect(port, dst);
    socket.once('connect', () => {
      socket.send('who am I?', (error) => {
        if (error !== null) end(outcomeOf(error));
      });
    });
  });
}

/** iputils' words for the errors that reach a pinging socket (ping_common.c, pr_icmph), and for what its own kernel refused. */
const pingWords: readonly (readonly [string, string])[] = [
  ['Destination Net Unreachable', 'icmp-3/0'],
  ['Destination Host Unreachable', 'icmp-3/1'],
  ['Destination Protocol Unreachable', 'icmp-3/2'],
  ['Destination Port Unreachable', 'icmp-3/3'],
  ['Destination Net Prohibited', 'icmp-3/9'],
  ['Destination Host Prohibited', 'icmp-3/10'],
  ['Packet filtered', 'icmp-3/13'],
  ['Time to live exceeded', 'icmp-11/0'],
  ['Network is unreachable', 'net-unreachable'],
  ['No route to host', 'host-unreachable'],
  ['Operation not permitted', 'EPERM'],
  ['Permission denied', 'EACCES'],
  ['Invalid argument', 'EINVAL'],
];

function askPing(dst: string, patience: number): Promise<Seen> {
  const argv = ['-n', '-c', '1', '-W', String(patience / 1000), dst];
  return new Promise((resolve, reject) => {
    const child = spawn('ping', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    child.on('error', reject);
    child.on('close', () => {
      const word = pingWords.find(([text]) => said.includes(text));
      // ping takes an answer from another address for one, and says so. A socket would not.
      const answered = said.includes('bytes from') && !said.includes('DIFFERENT ADDRESS');
      resolve({ outcome: answered ? 'ok' : (word?.[1] ?? 'timeout') });
    });
  });
}

async function answer(request: AgentRequest): Promise<Seen> {
  switch (request.kind) {
    case 'sysctls':
      writeSysctls(request.settings);
      return { outcome: 'ok' };
    case 'listen': {
      const { name, addresses } = request;
      await Promise.all([
        ...request.tcp.map((port) => listenTcp(name, port)),
        ...request.udp.flatMap((port) => addresses.map((address) => listenUdp(name, address, port))),
      ]);
      return { outcome: 'ok' };
    }
    case 'ping':
      return askPing(request.dst, request.patience);
    case 'tcp':
      return askTcp(request.dst, request.port, request.patience);
    case 'udp':
      return askUdp(request.dst, request.port, request.patience);
  }
}

process.on('message', (request: AgentRequest) => {
  answer(request).then(
    (ok) => process.send?.({ ok }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ok: { outcome: 'ready' } });
