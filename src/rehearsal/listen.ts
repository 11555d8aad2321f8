/**
 * Listeners of a namespace, for the actor that lives in it: services that answer who they are, where they were asked and by whom, and
 * docker-proxies, which ask somebody else. In: what to listen on. Out: sockets, and what could not be bound.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';

/** One socket to bind. */
export interface Binding {
  readonly protocol: 'tcp' | 'udp';
  /** `0.0.0.0` and `::` are any address of their family. */
  readonly address: string;
  readonly port: number;
  /** A proxy's: where it asks; absent: it answers itself. */
  readonly to?: { readonly address: string; readonly port: number };
}

/** What a service answers, as one line. */
export interface Answer {
  readonly server: string;
  readonly at: string;
  readonly from: string;
}

/** A client that says nothing and a container that does not answer are forgotten after this long, in milliseconds. */
const idle = 10_000;
/** A question that would be longer is none of ours. */
const maxBytes = 16 * 1024 * 1024;

/** Binds all; resolves to the words of those that the system refused, in the order given. */
export async function listen(server: string, bindings: readonly Binding[]): Promise<readonly string[]> {
  const tried = await Promise.all(
    bindings.map((binding) =>
      bind(server, binding).then(
        () => undefined,
        (error: NodeJS.ErrnoException) => `${endpoint(binding)}: ${error.code ?? error.message}`,
      ),
    ),
  );
  return tried.filter((words) => words !== undefined);
}

function bind(server: string, binding: Binding): Promise<void> {
  if (binding.protocol === 'tcp') return bindTcp(server, binding);
  return binding.to === undefined ? bindUdp(server, binding) : bindUdpProxy(binding, binding.to);
}

function bindTcp(server: string, { address, port, to }: Binding): Promise<void> {
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    socket.setTimeout(idle, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    if (to === undefined) answerTcp(server, socket);
    else forwardTcp(socket, to);
  });
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen({ host: address, port, ipv6Only: address.includes(':') }, () => {
      listener.off('error', reject);
      listener.on('error', () => {});
      resolve();
    });
  });
}

/** The question is a line with the bytes that follow it and those that are wanted back: `30000 20000`. */
function answerTcp(server: string, socket: Socket): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const hear = (chunk: Buffer): void => {
    chunks.push(chunk);
    size += chunk.length;
    const heard = Buffer.concat(chunks);
    const [, up, down] = /^(\d+) (\d+)\n/.exec(heard.toString('latin1', 0, 32)) ?? [];
    if (up === undefined || down === undefined || size > maxBytes) return;
    if (heard.length < heard.indexOf('\n') + 1 + Number(up)) return;
    socket.off('data', hear);
    const at = endpoint({ address: plain(socket.localAddress), port: socket.localPort ?? 0 });
    const answer: Answer = { server, at, from: plain(socket.remoteAddress) };
    socket.write(`${JSON.stringify(answer)}\n`);
    socket.end(Buffer.alloc(Math.min(Number(down), maxBytes), 'x'));
  };
  socket.on('data', hear);
}

/**
 * On a rebuilt host the kernel gives up on a neighbour after a third of a second instead of three. A proxy's client would be gone by then:
 * it must not hear of it so early. An ICMP error comes at once.
 */
const neighbourFailure = { least: 200, usual: 3000 };

/** docker-proxy dials for each client, and hangs up on both when one is gone (moby, cmd/docker-proxy/tcp_proxy_linux.go). */
function forwardTcp(client: Socket, to: { readonly address: string; readonly port: number }): void {
  const backend = connect({ host: to.address, port: to.port, allowHalfOpen: true });
  backend.setTimeout(idle, () => backend.destroy());
  const dialled = Date.now();
  backend.on('error', ({ code }: NodeJS.ErrnoException) => {
    const waited = Date.now() - dialled;
    const isLate = code === 'EHOSTUNREACH' && waited >= neighbourFailure.least;
    setTimeout(() => client.destroy(), isLate ? neighbourFailure.usual - waited : 0);
  });
  client.on('error', () => backend.destroy());
  client.on('close', () => backend.destroy());
  client.pipe(backend);
  backend.pipe(client);
}

function bindUdp(server: string, { address, port }: Binding): Promise<void> {
  const socket = createSocket(typeOf(address));
  socket.on('message', (_message, peer) => {
    const answer: Answer = { server, at: endpoint({ address, port }), from: plain(peer.address) };
    // No route back is an answer too: the asker hears nothing.
    socket.send(JSON.stringify(answer), peer.port, peer.address, () => {});
  });
  return bound(socket, address, port);
}

/** One socket towards the container for each client, as docker-proxy has (moby, cmd/docker-proxy/udp_proxy.go). */
function bindUdpProxy(
  { address, port }: Binding,
  to: { readonly address: string; readonly port: number },
): Promise<void> {
  const socket = createSocket(typeOf(address));
  const backends = new Map<string, UdpSocket>();
  socket.on('message', (message, peer) => {
    const key = `${peer.address} ${peer.port}`;
    const known = backends.get(key);
    const backend = known ?? createSocket(typeOf(to.address));
    if (known === undefined) {
      backends.set(key, backend);
      backend.on('error', () => {});
      backend.on('message', (answer) => socket.send(answer, peer.port, peer.address, () => {}));
      setTimeout(() => {
        backends.delete(key);
        backend.close();
      }, idle).unref();
    }
    backend.send(message, to.port, to.address, () => {});
  });
  return bound(socket, address, port);
}

function bound(socket: UdpSocket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', reject);
      socket.on('error', () => {});
      resolve();
    });
  });
}

/** A socket for one address and another for all of them share a port; the exact one is preferred (udp4_lib_lookup2). */
function typeOf(address: string) {
  return address.includes(':')
    ? ({ type: 'udp6', ipv6Only: true, reuseAddr: true } as const)
    : ({ type: 'udp4', reuseAddr: true } as const);
}

function endpoint({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A zone is not part of the address. */
function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
}
