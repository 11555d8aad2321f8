/**
 * The two ends of flows: who listens in the namespaces of a case, and who asks. In: namespaces, names, ports. Out: what the asking end saw.
 * All sockets of a case are held by one `Ends` and closed with it; TCP ones by a reset, since an orderly end may outlive its namespace.
 */
import { type Addr, type Family, formatAddr, ipv4, ipv6 } from '../../src/net/addr.ts';
import { echoAnswer, echoRequest, icmpProtocols } from './echo.ts';
import {
  accept,
  bind,
  connect,
  listen,
  type Name,
  type Namespace,
  ownName,
  peerName,
  pendingError,
  readable,
  receive,
  SystemError,
  send,
  setOption,
  socket,
  type Watch,
  writable,
} from './native.ts';

/** What one end of a flow saw; for a listener's answer also who it was, where it was asked and by whom. */
export interface Seen {
  readonly outcome: string;
  readonly server?: string;
  readonly at?: string;
  readonly from?: string;
}

export interface Question {
  readonly kind: 'ping' | 'tcp' | 'udp';
  readonly dst: Addr;
  /** Of tcp and udp. */
  readonly port: number;
  /** Source port, or identifier of a ping: no two questions of a case share one. */
  readonly own: number;
  /** Mark of what this question sends, to whom routes may be bound; 0: none. */
  readonly mark: number;
  /** Bytes of a ping's payload, and whether it may be cut. */
  readonly size: number;
  readonly df: boolean;
  /** Bytes sent and received after the small question and answer on a TCP connection. */
  readonly up: number;
  readonly down: number;
  /** Milliseconds to wait, as `Watch` counts them. */
  readonly patience: number;
}

/** Bytes of the small questions and answers, as the simulator takes them (exchange.ts): rules ask for lengths. */
const smallDatagram = 12;
const smallSegment = 100;

const anyAddress = { ipv4: ipv4(0), ipv6: ipv6(0n) } as const;

const outcomes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ENETUNREACH: 'net-unreachable',
  EHOSTUNREACH: 'host-unreachable',
};

function outcomeOf(error: unknown): Seen {
  if (!(error instanceof SystemError)) throw error;
  return { outcome: outcomes[error.code] ?? error.code };
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof SystemError && error.code === code;
}

function nameText({ addr, port }: Name): string {
  return `${formatAddr(addr)}:${port}`;
}

/** What a listener answers with. */
function answerText(server: string, at: Name, from: Name): string {
  return JSON.stringify({ server, at: nameText(at), from: formatAddr(from.addr) });
}

export class Ends {
  private readonly watch: Watch;
  private readonly open = new Set<number>();
  /** What UDP listeners have answered. */
  private readonly answers: string[] = [];

  constructor(watch: Watch) {
    this.watch = watch;
  }

  /** Closes everything. */
  close(): void {
    for (const fd of [...this.open]) this.end(fd);
  }

  private end(fd: number): void {
    if (this.open.delete(fd)) this.watch.close(fd);
  }

  /** A datagram that stands for an answer: as long as the question, since rules ask for lengths. */
  private shortAnswer(text: string): Buffer {
    this.answers.push(text);
    return Buffer.from(String(this.answers.length - 1).padStart(smallDatagram));
  }

  private hold(fd: number): number {
    this.open.add(fd);
    return fd;
  }

  private stream(family: Family): number {
    const fd = this.hold(socket(family, 'stream'));
    setOption(fd, 'linger', 1, 0);
    if (family === 'ipv6') setOption(fd, 'ipv6Only', 1);
    return fd;
  }

  private datagram(family: Family): number {
    const fd = this.hold(socket(family, 'datagram'));
    if (family === 'ipv6') setOption(fd, 'ipv6Only', 1);
    return fd;
  }

  /** Answers TCP on all addresses of a family. */
  listenTcp(namespace: Namespace, server: string, { family, port }: { family: Family; port: number }): void {
    const fd = namespace.within(() => this.acceptor({ addr: anyAddress[family], port }));
    this.watch.add(fd, readable, () => {
      for (let taken = accept(fd); taken !== undefined; taken = accept(fd)) this.serve(server, taken);
    });
  }

  private acceptor(name: Name): number {
    const fd = this.stream(name.addr.family);
    setOption(fd, 'reuseAddress', 1);
    bind(fd, name);
    listen(fd);
    return fd;
  }

  /** A line of two numbers is the question; its answer, the bytes that it announces, and those that it wants follow. */
  private serve(server: string, fd: number): void {
    this.hold(fd);
    const stream = new Stream(fd, this.watch, () => this.end(fd));
    let heard = '';
    let wanted: { up: number; down: number } | undefined;
    stream.begin((data) => {
      heard += data.toString('latin1');
      if (wanted === undefined && heard.includes('\n')) {
        const [up = 0, down = 0] = heard.split('\n')[0]?.split(' ').map(Number) ?? [];
        wanted = { up, down };
        heard = heard.slice(heard.indexOf('\n') + 1);
        stream.write(
          Buffer.from(`${answerText(server, ownName(fd), peerName(fd)).padEnd(smallSegment - 1)}\n`),
        );
      }
      if (wanted === undefined || heard.length < wanted.up) return;
      const { up, down } = wanted;
      stream.write(Buffer.alloc(answerLength(up, down), 'd'));
      wanted = { up: Number.POSITIVE_INFINITY, down: 0 };
    });
  }

  /** Answers UDP on one address: a socket for all of them would answer from the one that its route prefers. */
  listenUdp(namespace: Namespace, server: string, name: Name): void {
    const fd = namespace.within(() => {
      const made = this.datagram(name.addr.family);
      setOption(made, name.addr.family === 'ipv4' ? 'ipv4FreeBind' : 'ipv6FreeBind', 1);
      bind(made, name);
      return made;
    });
    this.watch.add(fd, readable, () => {
      for (
        let heard = safely(() => receive(fd));
        heard?.from !== undefined;
        heard = safely(() => receive(fd))
      ) {
        const { from } = heard;
        // No way back is an answer too: the asker hears nothing.
        safely(() => send(fd, this.shortAnswer(answerText(server, name, from)), from));
      }
    });
  }

  /** docker-proxy: takes connections to `name` and makes others to `to`, each from a port of its own, counted from `own`. */
  proxyTcp(namespace: Namespace, name: Name, to: Name, own: () => number): void {
    const fd = namespace.within(() => this.acceptor(name));
    this.watch.add(fd, readable, () => {
      for (let taken = accept(fd); taken !== undefined; taken = accept(fd))
        this.relay(namespace, taken, to, own());
    });
  }

  private relay(namespace: Namespace, front: number, to: Name, own: number): void {
    this.hold(front);
    const both = (): void => {
      this.end(front);
      this.end(back);
    };
    const back = namespace.within(() => this.bound(this.stream(to.addr.family), to.addr.family, own));
    const near = new Stream(front, this.watch, both);
    const far = new Stream(back, this.watch, both);
    try {
      namespace.within(() => connect(back, to));
    } catch (error) {
      if (!isCode(error, 'EINPROGRESS')) {
        both();
        return;
      }
    }
    far.begin((data) => near.write(data));
    near.begin((data) => far.write(data));
  }

  private bound(fd: number, family: Family, port: number): number {
    setOption(fd, 'reuseAddress', 1);
    bind(fd, { addr: anyAddress[family], port });
    return fd;
  }

  /** Asks once. */
  ask(namespace: Namespace, question: Question): Promise<Seen> {
    switch (question.kind) {
      case 'ping':
        return this.ping(namespace, question);
      case 'tcp':
        return this.askTcp(namespace, question);
      case 'udp':
        return this.askUdp(namespace, question);
    }
  }

  /** Runs `begin` in the namespace; the first of an error of it, `done`, and the end of patience is what was seen. */
  private settled(
    namespace: Namespace,
    patience: number,
    begin: (done: (seen: Seen) => void) => { readonly fd: number; readonly late: () => Seen },
  ): Promise<Seen> {
    return new Promise((resolve) => {
      let forget = (): unknown => undefined;
      let fd: number | undefined;
      let over = false;
      const done = (seen: Seen): void => {
        if (over) return;
        over = true;
        forget();
        if (fd !== undefined) this.end(fd);
        resolve(seen);
      };
      try {
        const begun = namespace.within(() => begin(done));
        fd = begun.fd;
        if (over) this.end(fd);
        else forget = this.watch.after(patience, () => done(begun.late()));
      } catch (error) {
        done(outcomeOf(error));
      }
    });
  }

  private askTcp(namespace: Namespace, question: Question): Promise<Seen> {
    const { dst, port, own, mark, up, down, patience } = question;
    return this.settled(namespace, patience, (done) => {
      const fd = this.bound(this.stream(dst.family), dst.family, own);
      if (mark !== 0) setOption(fd, 'mark', mark);
      let heard = '';
      let seen: Seen | undefined;
      const stream = new Stream(fd, this.watch, (error) =>
        // A reset of what is not open yet is a refusal.
        done(
          stream.connected || isCode(error, 'ECONNRESET')
            ? { outcome: 'connected-then-closed' }
            : outcomeOf(error),
        ),
      );
      try {
        connect(fd, { addr: dst, port });
      } catch (error) {
        if (!isCode(error, 'EINPROGRESS')) throw error;
      }
      stream.begin((data) => {
        heard += data.toString('latin1');
        if (seen === undefined) {
          const [line] = heard.split('\n', 1);
          if (line === undefined || line.length === heard.length) return;
          seen = { outcome: 'ok', ...JSON.parse(line) } as Seen;
          heard = heard.slice(line.length + 1);
          if (up > 0) stream.write(Buffer.alloc(up, 'u'));
        }
        if (heard.length >= answerLength(up, down)) done(seen);
      });
      stream.write(Buffer.from(`${`${up} ${down}`.padEnd(smallSegment - 1)}\n`));
      return { fd, late: () => ({ outcome: stream.connected ? 'connected-then-timeout' : 'timeout' }) };
    });
  }

  private askUdp(namespace: Namespace, { dst, port, own, mark, patience }: Question): Promise<Seen> {
    return this.settled(namespace, patience, (done) => {
      const fd = this.bound(this.datagram(dst.family), dst.family, own);
      if (mark !== 0) setOption(fd, 'mark', mark);
      connect(fd, { addr: dst, port });
      send(fd, Buffer.alloc(smallDatagram, '?'));
      this.watch.add(fd, readable, () => {
        try {
          const heard = receive(fd);
          if (heard !== undefined)
            done({ outcome: 'ok', ...JSON.parse(this.answers[Number(heard.data.toString())] ?? '{}') });
        } catch (error) {
          done(outcomeOf(error));
        }
      });
      return { fd, late: () => ({ outcome: 'timeout' }) };
    });
  }

  /** As ping(8) does as root: a connect to learn whether there is a way at all, then a raw socket. */
  private ping(namespace: Namespace, { dst, own, mark, size, df, patience }: Question): Promise<Seen> {
    const { family } = dst;
    return this.settled(namespace, patience, (done) => {
      const probe = this.datagram(family);
      try {
        if (mark !== 0) setOption(probe, 'mark', mark);
        connect(probe, { addr: dst, port: 1025 });
      } finally {
        this.end(probe);
      }
      const fd = this.hold(socket(family, 'raw', icmpProtocols[family]));
      if (mark !== 0) setOption(fd, 'mark', mark);
      if (df) setOption(fd, family === 'ipv4' ? 'ipv4MtuDiscover' : 'ipv6MtuDiscover', 2);
      send(fd, echoRequest(family, own, size), { addr: dst, port: 0 });
      this.watch.add(fd, readable, () => {
        try {
          for (let heard = receive(fd); heard !== undefined; heard = receive(fd)) {
            const { data, from } = heard;
            const outcome = from === undefined ? undefined : echoAnswer(data, from.addr, dst, own);
            if (outcome !== undefined) {
              done({ outcome });
              return;
            }
          }
        } catch (error) {
          done(outcomeOf(error));
        }
      });
      return { fd, late: () => ({ outcome: 'timeout' }) };
    });
  }
}

/** Bytes that follow the small answer: at least one where it says that all was heard. */
function answerLength(up: number, down: number): number {
  return up > 0 ? Math.max(down, 1) : down;
}

/** What a listener cannot send or hear is for the asking end to miss. */
function safely<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

function isConnected(fd: number): boolean {
  try {
    peerName(fd);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOTCONN')) return false;
    throw error;
  }
}

/** A connection, being made or made: bytes out as the kernel takes them, bytes in as they come. */
class Stream {
  connected = false;
  private readonly fd: number;
  private readonly watch: Watch;
  private readonly ended: (error: SystemError) => void;
  private waiting = Buffer.alloc(0);
  private heard: (data: Buffer) => void = () => {};

  /** `ended` is called when the connection is over, for whatever reason. */
  constructor(fd: number, watch: Watch, ended: (error: SystemError) => void) {
    this.fd = fd;
    this.watch = watch;
    this.ended = ended;
  }

  begin(heard: (data: Buffer) => void): void {
    this.heard = heard;
    this.watch.add(this.fd, readable | writable, () => this.ready());
  }

  write(data: Buffer): void {
    this.waiting = Buffer.concat([this.waiting, data]);
    if (this.connected) this.ready();
  }

  private ready(): void {
    try {
      if (!this.connected) {
        const error = pendingError(this.fd);
        if (error !== undefined) throw error;
        // A call may be about an earlier socket of this number.
        if (!isConnected(this.fd)) return;
        this.connected = true;
      }
      this.flush();
      for (let came = receive(this.fd); came !== undefined; came = receive(this.fd)) {
        if (came.data.length === 0) throw new SystemError('recv', 'EPIPE');
        this.heard(came.data);
      }
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      // One that its own `heard` has closed is over already.
      if (error.code !== 'EBADF') this.ended(error);
    }
  }

  private flush(): void {
    while (this.waiting.length > 0) {
      try {
        this.waiting = this.waiting.subarray(send(this.fd, this.waiting));
      } catch (error) {
        if (isCode(error, 'EAGAIN')) break;
        throw error;
      }
    }
    this.watch.change(this.fd, this.waiting.length > 0 ? readable | writable : readable);
  }
}
