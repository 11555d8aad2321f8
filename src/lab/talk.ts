/**
 * A program of its own, started inside a namespace of a lab: the other end of a conversation. In: arguments `listen
 * tcp:80 udp:7777 ...` or `ask tcp ADDRESS PORT`. Out: a listener answers everybody with the source address that it saw and
 * prints one JSON line per contact; an asker prints that answer. It knows no protocol beyond this, but answers browsers too.
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

function listenTcp(port: number): void {
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
  server.listen(port);
}

function listenUdp(port: number): void {
  const socket = createSocket('udp4');
  socket.on('message', (_message, peer) => {
    report({ protocol: 'udp', port, from: peer.address });
    // No route back is an answer too: the asker hears nothing.
    socket.send(`${peer.address}\n`, peer.port, peer.address, () => {});
  });
  socket.bind(port);
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

function main(args: readonly string[]): void {
  const [verb, ...rest] = args;
  if (verb === 'listen') {
    for (const spec of rest) {
      const [protocol, port] = spec.split(':');
      if (protocol === 'udp') listenUdp(Number(port));
      else listenTcp(Number(port));
    }
    return;
  }
  const [protocol, address = '', port] = rest;
  if (protocol === 'udp') askUdp(address, Number(port));
  else askTcp(address, Number(port));
}

main(process.argv.slice(2));
