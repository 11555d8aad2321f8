/**
 * A program of its own, started inside a namespace of a lab: the other end of a conversation. In: arguments `listen
 * tcp:80 udp:198.51.100.7:7777 ...` or `ask tcp ADDRESS PORT`. Out: a listener prints `ready`, answers everybody with the source
 * address that it saw and prints one JSON line per contact; an asker prints that answer. It speaks HTTP when asked in it.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';

/** One line of a listener's output. */
export interface Contact {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** The source address as it arrived. */
  readonly from: string;
}

const askTimeout = 2000;

function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/, '');
}

function report(contact: Contact): void {
  process.stdout.write(`${JSON.stringify(contact)}\n`);
}

function listenTcp(port: number): Promise<void> {
  const answer = (socket: Socket, request: string) => {
    const body = `${plain(socket.remoteAddress)}\n`;
    const head = `HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.end(/^(GET|HEAD) /.test(request) ? head + body : body);
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    report({ protocol: 'tcp', port, from: plain(socket.remoteAddress) });
    socket.on('error', () => socket.destroy());
    // A client that says nothing closes its side first: both mean that it waits for our answer.
    socket.once('data', (chunk) => answer(socket, chunk.toString('latin1')));
    socket.once('end', () => answer(socket, ''));
  });
  return new Promise((resolve) => server.listen(port, resolve));
}

/**
 * Bound to one address, because a socket for all of them answers from the address that its route prefers, and who
 * asked another one would not know the answer as an answer.
 */
function listenUdp(address: string, port: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (_message, peer) => {
    report({ protocol: 'udp', port, from: peer.address });
    // No route back is an answer too: the asker hears nothing.
    socket.send(`${peer.address}\n`, peer.port, peer.address, () => {});
  });
  return new Promise((resolve) => socket.bind(port, address, resolve));
}

function askTcp(address: string, port: number): void {
  const socket = connect({ host: address, port }, () => socket.end('?\n'));
  socket.setTimeout(askTimeout, () => fail('timeout'));
  socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  socket.on('data', (chunk) => process.stdout.write(chunk));
  socket.on('close', () => process.exit(0));
}

function askUdp(address: string, port: number): void {
  const socket = createSocket('udp4');
  setTimeout(() => fail('timeout'), askTimeout);
  socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  socket.on('message', (message) => {
    process.stdout.write(message);
    process.exit(0);
  });
  socket.send('?\n', port, address, (error) => {
    if (error !== null) fail((error as NodeJS.ErrnoException).code ?? error.message);
  });
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

/** `tcp:80`, or `udp:198.51.100.7:7777`. */
function listen(spec: string): Promise<void> {
  const [protocol, ...rest] = spec.split(':');
  const port = Number(rest.at(-1));
  return protocol === 'udp' ? listenUdp(rest[0] ?? '', port) : listenTcp(port);
}

const [verb, ...args] = process.argv.slice(2);
if (verb === 'listen') {
  await Promise.all(args.map(listen));
  process.stdout.write('ready\n');
} else {
  const [protocol, address = '', port] = args;
  if (protocol === 'udp') askUdp(address, Number(port));
  else askTcp(address, Number(port));
}
