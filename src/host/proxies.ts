/**
 * Userland proxies, from the command lines of running docker-proxy processes, one per line.
 * In: docker-proxy.txt. Out: PortProxy[]. What the proxy listens on is in the socket list too.
 */
import { parseAddr } from '../net/addr.ts';
import { type FactProblem, numberedLines, type Parsed } from './facts.ts';
import type { PortProxy } from './state.ts';

export function parseProxies(content: string, file: string): Parsed<readonly PortProxy[]> {
  const value: PortProxy[] = [];
  const problems: FactProblem[] = [];
  for (const { line, text } of numberedLines(content)) {
    const proxy = proxyOf(flagsOf(text));
    if (proxy === undefined) problems.push({ file, line, message: 'not a docker-proxy command line' });
    else value.push(proxy);
  }
  return { value, problems };
}

/** Flags of Go's flag package: `-host-ip X`, `--host-ip X`, `-host-ip=X`. */
function flagsOf(commandLine: string): ReadonlyMap<string, string> {
  const words = commandLine.split(/\s+/);
  const flags = new Map<string, string>();
  for (const [index, word] of words.entries()) {
    const match = /^--?([a-z-]+)(?:=(.*))?$/.exec(word);
    if (match?.[1] !== undefined) flags.set(match[1], match[2] ?? words[index + 1] ?? '');
  }
  return flags;
}

function proxyOf(flags: ReadonlyMap<string, string>): PortProxy | undefined {
  const protocol = (['tcp', 'udp', 'sctp'] as const).find((p) => p === flags.get('proto'));
  const hostAddress = parseAddr(flags.get('host-ip') ?? '');
  const containerAddress = parseAddr(flags.get('container-ip') ?? '');
  const hostPort = portOf(flags.get('host-port'));
  const containerPort = portOf(flags.get('container-port'));
  if (protocol === undefined || hostAddress === undefined || containerAddress === undefined) return undefined;
  if (hostPort === undefined || containerPort === undefined) return undefined;
  // The flag came with 28.0, together with IP_PKTINFO on the listener (cmd/docker-proxy/main_linux.go).
  const answersFromAskedAddress = flags.has('use-listen-fd');
  return { protocol, hostAddress, hostPort, containerAddress, containerPort, answersFromAskedAddress };
}

function portOf(value: string | undefined): number | undefined {
  const port = value !== undefined && /^\d{1,5}$/.test(value) ? Number(value) : 0;
  return port >= 1 && port <= 65535 ? port : undefined;
}
