/**
 * The few calls of libc that Node.js has no name for: namespaces without a process, sockets in them, and one wait for all of these.
 * In: plain values. Out: file descriptors, addresses, bytes; a call that fails throws SystemError. Nothing is decided here.
 * A namespace is a matter of the calling thread: entering, acting and coming back are one synchronous turn of the main thread.
 */
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, endianness } from 'node:os';
import { type Addr, type Family, ipv4, ipv6 } from '../../src/net/addr.ts';

type Argument = number | Uint8Array | null;
type Native = (...args: readonly Argument[]) => number;
interface Koffi {
  load(library: string): { func(prototype: string): Native };
  errno(): number;
}

// Loaded, not imported: nobody needs a foreign-function library to check the types of the rest.
const koffi = createRequire(import.meta.url)('koffi') as Koffi;
const libc = koffi.load('libc.so.6');
const libcUnshare = libc.func('int unshare(int flags)');
const libcSetns = libc.func('int setns(int fd, int kind)');
const libcSocket = libc.func('int socket(int family, int type, int protocol)');
const libcBind = libc.func('int bind(int fd, const uint8_t *name, uint32_t length)');
const libcConnect = libc.func('int connect(int fd, const uint8_t *name, uint32_t length)');
const libcListen = libc.func('int listen(int fd, int backlog)');
const libcAccept = libc.func('int accept4(int fd, uint8_t *name, uint8_t *length, int flags)');
const libcSetOption = libc.func(
  'int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)',
);
const libcGetOption = libc.func(
  'int getsockopt(int fd, int level, int name, uint8_t *value, uint8_t *length)',
);
const libcSend = libc.func(
  'int64_t sendto(int fd, const uint8_t *data, size_t size, int flags, const uint8_t *name, uint32_t length)',
);
const libcReceive = libc.func(
  'int64_t recvfrom(int fd, uint8_t *data, size_t size, int flags, uint8_t *name, uint8_t *length)',
);
const libcSockName = libc.func('int getsockname(int fd, uint8_t *name, uint8_t *length)');
const libcPeerName = libc.func('int getpeername(int fd, uint8_t *name, uint8_t *length)');
const libcEpollCreate = libc.func('int epoll_create1(int flags)');
const libcEpollControl = libc.func('int epoll_ctl(int epoll, int operation, int fd, const uint8_t *event)');
const libcEpollWait = libc.func('int epoll_wait(int epoll, uint8_t *events, int most, int timeout)');

/** A call that the kernel refused; `code` is its name for the reason, `ENETUNREACH`. */
export class SystemError extends Error {
  readonly code: string;
  constructor(call: string, code: string) {
    super(`${call}: ${code}`);
    this.name = 'SystemError';
    this.code = code;
  }
}

/** Of EAGAIN and EWOULDBLOCK, which are one, the first. */
const errorNames = new Map(
  Object.entries(constants.errno)
    .toReversed()
    .map(([name, errno]) => [errno, name]),
);

function errorName(errno: number): string {
  return errorNames.get(errno) ?? `errno ${errno}`;
}

function must(call: string, result: number): number {
  if (result < 0) throw new SystemError(call, errorName(koffi.errno()));
  return result;
}

const cloneNewNet = 0x40000000;
const ownNamespace = '/proc/thread-self/ns/net';
const home = openSync(ownNamespace, 'r');

/** A network namespace that lives as long as this process has it open, or a socket in it. */
export class Namespace {
  private readonly fd: number;
  private closed = false;

  constructor() {
    must('unshare', libcUnshare(cloneNewNet));
    try {
      this.fd = openSync(ownNamespace, 'r');
    } finally {
      comeHome();
    }
  }

  /** Where tools find it, as long as this process lives. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.fd}`;
  }

  /** Runs `body` there: files below /proc/sys/net, sockets and processes that it opens or starts at once are those of the namespace. */
  within<T>(body: () => T): T {
    // The number of what is closed may be another's by now.
    if (this.closed) throw new Error('the namespace is closed');
    must('setns', libcSetns(this.fd, cloneNewNet));
    try {
      return body();
    } finally {
      comeHome();
    }
  }

  close(): void {
    this.closed = true;
    closeSync(this.fd);
  }
}

/** In a namespace that is not ours everything that follows would happen in the wrong place. */
function comeHome(): void {
  if (libcSetns(home, cloneNewNet) < 0) process.abort();
}

/** An end of a connection. */
export interface Name {
  readonly addr: Addr;
  readonly port: number;
}

const families = { ipv4: 2, ipv6: 10 } as const;
const kinds = { stream: 1, datagram: 2, raw: 3 } as const;
const nonblockingCloexec = 0x80800;

/** A socket in the caller's present namespace that never waits. `protocol` of a raw one: its number. */
export function socket(family: Family, kind: keyof typeof kinds, protocol = 0): number {
  return must('socket', libcSocket(families[family], kinds[kind] | nonblockingCloexec, protocol));
}

const nameLength = 28;

function encodeName({ addr, port }: Name): Buffer {
  const name = Buffer.alloc(addr.family === 'ipv4' ? 16 : nameLength);
  if (endianness() === 'LE') name.writeUInt16LE(families[addr.family]);
  else name.writeUInt16BE(families[addr.family]);
  name.writeUInt16BE(port, 2);
  if (addr.family === 'ipv4') name.writeUInt32BE(addr.value, 4);
  else {
    name.writeBigUInt64BE(addr.value >> 64n, 8);
    name.writeBigUInt64BE(addr.value & 0xffffffffffffffffn, 16);
  }
  return name;
}

function decodeName(name: Buffer): Name {
  const family = endianness() === 'LE' ? name.readUInt16LE() : name.readUInt16BE();
  const port = name.readUInt16BE(2);
  if (family === families.ipv4) return { addr: ipv4(name.readUInt32BE(4)), port };
  return { addr: ipv6((name.readBigUInt64BE(8) << 64n) | name.readBigUInt64BE(16)), port };
}

export function bind(fd: number, name: Name): void {
  const encoded = encodeName(name);
  must('bind', libcBind(fd, encoded, encoded.length));
}

/** Throws also EINPROGRESS. */
export function connect(fd: number, name: Name): void {
  const encoded = encodeName(name);
  must('connect', libcConnect(fd, encoded, encoded.length));
}

export function listen(fd: number): void {
  must('listen', libcListen(fd, 64));
}

/** The next connection that waits; undefined when there is none. */
export function accept(fd: number): number | undefined {
  const accepted = libcAccept(fd, null, null, nonblockingCloexec);
  return accepted < 0 ? undefined : accepted;
}

/** Socket options by level and name (asm-generic/socket.h, in.h, in6.h). */
export const socketOptions = {
  reuseAddress: [1, 2],
  error: [1, 4],
  linger: [1, 13],
  mark: [1, 36],
  ipv4MtuDiscover: [0, 10],
  ipv4FreeBind: [0, 15],
  ipv6MtuDiscover: [41, 23],
  ipv6Only: [41, 26],
  ipv6FreeBind: [41, 78],
} as const;

/** One number, or more: a struct of them. */
export function setOption(
  fd: number,
  option: keyof typeof socketOptions,
  ...values: readonly number[]
): void {
  const [level, name] = socketOptions[option];
  const bytes = new Uint8Array(Int32Array.from(values).buffer);
  must('setsockopt', libcSetOption(fd, level, name, bytes, bytes.length));
}

/** What went wrong on a socket since it was asked last; undefined: nothing. */
export function pendingError(fd: number): SystemError | undefined {
  const [level, name] = socketOptions.error;
  const value = new Int32Array(1);
  const length = Int32Array.of(4);
  must(
    'getsockopt',
    libcGetOption(fd, level, name, new Uint8Array(value.buffer), new Uint8Array(length.buffer)),
  );
  const errno = value[0] ?? 0;
  return errno === 0 ? undefined : new SystemError('SO_ERROR', errorName(errno));
}

const noSignal = 0x4000;

/** Sends, to `to` or to whom the socket is connected. */
export function send(fd: number, data: Uint8Array, to?: Name): number {
  const name = to === undefined ? null : encodeName(to);
  return must('send', libcSend(fd, data, data.length, noSignal, name, name?.length ?? 0));
}

const received = Buffer.alloc(70_000);

/** What has arrived, and from whom; undefined when nothing has. No bytes: the other end is done. */
export function receive(fd: number): { readonly data: Buffer; readonly from: Name | undefined } | undefined {
  const name = Buffer.alloc(nameLength);
  const length = Int32Array.of(nameLength);
  const size = libcReceive(fd, received, received.length, 0, name, new Uint8Array(length.buffer));
  if (size < 0) {
    const code = errorName(koffi.errno());
    if (code === 'EAGAIN') return undefined;
    throw new SystemError('recv', code);
  }
  return {
    data: Buffer.from(received.subarray(0, size)),
    from: (length[0] ?? 0) > 0 ? decodeName(name) : undefined,
  };
}

/** The socket's own end. */
export function ownName(fd: number): Name {
  return nameBy('getsockname', libcSockName, fd);
}

/** The other end of a connected socket. */
export function peerName(fd: number): Name {
  return nameBy('getpeername', libcPeerName, fd);
}

function nameBy(call: string, ask: Native, fd: number): Name {
  const name = Buffer.alloc(nameLength);
  must(call, ask(fd, name, new Uint8Array(Int32Array.of(nameLength).buffer)));
  return decodeName(name);
}

export const readable = 1;
export const writable = 4;

/** On x86-64 the struct is packed (sys/epoll.h). */
const eventLength = process.arch === 'x64' ? 12 : 16;
const mostEvents = 256;
const operations = { add: 1, remove: 2, change: 3 } as const;

/** Milliseconds between two looks at all sockets. */
const beat = 5;
/** Rounds of one look: between neighbours on one machine a whole exchange may happen in it. */
const mostRounds = 32;

/**
 * Serves many sockets at once, whatever namespaces they are in. Time is counted in looks, not by the clock: while this process is kept
 * from looking, by a busy machine or its own work, nobody loses patience.
 */
export class Watch {
  private readonly epoll = must('epoll_create1', libcEpollCreate(0x80000));
  private readonly handlers = new Map<number, () => void>();
  private readonly events = Buffer.alloc(eventLength * mostEvents);
  private readonly late = new Set<{ left: number; readonly then: () => void }>();

  constructor() {
    setInterval(() => this.look(), beat);
  }

  /** Calls `handler` whenever the socket is ready for one of `events`, or has failed. */
  add(fd: number, events: number, handler: () => void): void {
    this.control('add', fd, events);
    this.handlers.set(fd, handler);
  }

  change(fd: number, events: number): void {
    this.control('change', fd, events);
  }

  /** Forgets and closes a socket. */
  close(fd: number): void {
    if (this.handlers.delete(fd)) this.control('remove', fd, 0);
    closeSync(fd);
  }

  /** Calls `then` after so many milliseconds of looking, unless what it returns is called first. */
  after(milliseconds: number, then: () => void): () => void {
    const waiting = { left: milliseconds, then };
    this.late.add(waiting);
    return () => this.late.delete(waiting);
  }

  private control(operation: keyof typeof operations, fd: number, events: number): void {
    const event = Buffer.alloc(eventLength);
    new Uint32Array(event.buffer, event.byteOffset, 1)[0] = events;
    event.writeInt32LE(fd, eventLength - 8);
    must('epoll_ctl', libcEpollControl(this.epoll, operations[operation], fd, event));
  }

  private look(): void {
    for (let round = 0; round < mostRounds && this.serve() > 0; round++);
    for (const waiting of this.late) {
      waiting.left -= beat;
      if (waiting.left > 0) continue;
      this.late.delete(waiting);
      waiting.then();
    }
  }

  private serve(): number {
    const count = Math.max(0, libcEpollWait(this.epoll, this.events, mostEvents, 0));
    const ready = Array.from({ length: count }, (_, i) =>
      this.events.readInt32LE(i * eventLength + eventLength - 8),
    );
    // A handler may close others; one that is gone is not called.
    for (const fd of ready) this.handlers.get(fd)?.();
    return count;
  }
}
