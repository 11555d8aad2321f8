/**
 * Asks, from the namespace that the process lives in: one ping, one TCP connection, one datagram on a connected socket. In: whom, and how
 * long to wait. Out: what the sender saw. ping(8) is used for pings: it has the error queue that tells one ICMP error from another.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Seen } from '../packet/seen.ts';

export interface Question {
  readonly kind: 'ping' | 'tcp' | 'udp';
  readonly dst: string;
  /** Of tcp and udp. */
  readonly port: number;
  /** Ping payload in bytes. */
  readonly size?: number;
  readonly df?: boolean;
  /** Bytes to send and to receive on a TCP connection. */
  readonly up?: number;
  readonly down?: number;
  /** Milliseconds to wait for an answer. */
  readonly patience: number;
}

/** Rejects only when the question could not be put at all: ping(8) is missing. */
export function ask(question: Question): Promise<Seen> {
  switch (question.kind) {
    case 'ping':
      return ping(question);
    case 'tcp':
      return tcp(question);
    case 'udp':
      return udp(question);
  }
}

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

function tcp({ dst, port, up = 0, down = 0, patience }: Question): Promise<Seen> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let connected = false;
    const socket = connect({ host: dst, port, allowHalfOpen: true }, () => {
      connected = true;
      socket.write(`${up} ${down}\n`);
      socket.write(Buffer.alloc(up, 'x'));
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
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => {
      const heard = Buffer.concat(chunks);
      const line = heard.indexOf('\n');
      const whole = line >= 0 && heard.length - line - 1 >= down;
      end(whole ? answered(heard.toString('utf8', 0, line)) : { outcome: 'connected-then-closed' });
    });
  });
}

/** What a service of ours said, in its own words; anybody else's words are an answer without them. */
function answered(text: string): Seen {
  try {
    return { outcome: 'ok', ...(JSON.parse(text) as Omit<Seen, 'outcome'>) };
  } catch {
    return { outcome: 'ok' };
  }
}

function udp({ dst, port, patience }: Question): Promise<Seen> {
  return new Promise((resolve) => {
    const socket = createSocket(dst.includes(':') ? 'udp6' : 'udp4');
    const end = (seen: Seen): void => {
      clearTimeout(timer);
      resolve(seen);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.close();
    };
    const timer = setTimeout(() => end({ outcome: 'timeout' }), patience);
    socket.on('error', (error) => end(outcomeOf(error)));
    socket.on('message', (message) => end(answered(message.toString())));
    socket.once('connect', () => {
      socket.send('who are you?', (error) => {
        if (error !== null) end(outcomeOf(error));
      });
    });
    socket.connect(port, dst);
  });
}

/**
 * iputils' words for the errors that reach a pinging socket (ping_common.c, pr_icmph; ping6_common.c, pr_icmph), and for what its own
 * kernel refused.
 */
const pingWords: readonly (readonly [RegExp, string])[] = [
  [/Destination Net Unreachable/, 'icmp-3/0'],
  [/Destination Host Unreachable/, 'icmp-3/1'],
  [/Destination Protocol Unreachable/, 'icmp-3/2'],
  [/Destination Port Unreachable/, 'icmp-3/3'],
  [/Frag needed and DF set/, 'icmp-3/4'],
  [/Destination Net Prohibited/, 'icmp-3/9'],
  [/Destination Host Prohibited/, 'icmp-3/10'],
  [/Packet filtered/, 'icmp-3/13'],
  [/Destination unreachable: No route/, 'icmp6-1/0'],
  [/Destination unreachable: Administratively prohibited/, 'icmp6-1/1'],
  [/Destination unreachable: Beyond scope/, 'icmp6-1/2'],
  [/Destination unreachable: Address unreachable/, 'icmp6-1/3'],
  [/Destination unreachable: Port unreachable/, 'icmp6-1/4'],
  [/Packet too big/, 'icmp6-2/0'],
  [/Time to live exceeded/, 'icmp-11/0'],
  [/Time exceeded/, 'icmp6-3/0'],
  [/message too long/i, 'EMSGSIZE'],
  [/Network is unreachable/, 'net-unreachable'],
  [/No route to host/, 'host-unreachable'],
  [/Operation not permitted/, 'EPERM'],
  [/Permission denied/, 'EACCES'],
  [/Invalid argument/, 'EINVAL'],
];

function ping({ dst, size, df, patience }: Question): Promise<Seen> {
  const argv = [
    ...['-n', '-c', '1', '-W', String(patience / 1000)],
    ...(size === undefined ? [] : ['-s', String(size)]),
    ...(df === true ? ['-M', 'do'] : []),
    dst,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn('ping', argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    child.on('error', reject);
    child.on('close', () => {
      const word = pingWords.find(([pattern]) => pattern.test(said));
      // ping takes an answer from another address for one, and says so. A socket would not.
      const ok = said.includes('bytes from') && !said.includes('DIFFERENT ADDRESS');
      resolve({ outcome: ok ? 'ok' : (word?.[1] ?? 'timeout') });
    });
  });
}
