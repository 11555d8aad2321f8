/**
 * Brings the engine up in a lab, sends real pings, asks whether anything would be left to do, and takes it down. In: a daemon.json
 * file. Out: what was seen, as JSON.
 */
import { hostChange } from '../../src/engine/realise.ts';
import { inNamespace } from '../../src/kernel/namespace.ts';
import { observeHost } from '../../src/kernel/observe.ts';
import { run } from '../../src/kernel/process.ts';
import { buildLab, talkCommand } from '../../src/lab/build.ts';

export interface EngineReport {
  readonly hostPing: boolean;
  readonly bridgePing: boolean;
  /** What the outside said about a TCP connection from the bridge; empty when there was no answer. */
  readonly seenAs: string;
  /** The same through the published port, from outside. */
  readonly published: string;
  /** Kinds of steps that bringing up again would make. */
  readonly again: readonly string[];
  readonly masquerade: readonly string[];
  readonly up: Picture;
  readonly down: Picture;
}

interface Picture {
  readonly links: readonly string[];
  readonly rules: number;
  readonly forwarding: string;
  readonly policy: string;
}

async function picture(): Promise<Picture> {
  const links = JSON.parse((await run({ argv: ['ip', '-j', 'link'] })).stdout) as {
    readonly ifname: string;
  }[];
  const { stdout } = await run({ argv: ['iptables-save'] });
  return {
    links: links.map(({ ifname }) => ifname.replace(/^veth[0-9a-f]{7}$/, 'vethN')),
    rules: stdout.split('\n').filter((line) => line.startsWith('-A')).length,
    forwarding: (await run({ argv: ['cat', '/proc/sys/net/ipv4/ip_forward'] })).stdout.trim(),
    policy: /^:FORWARD (\w+)/m.exec(stdout.slice(stdout.indexOf('*filter')))?.[1] ?? '',
  };
}

const [configFile] = process.argv.slice(2);
const { engine, outside } = await buildLab(configFile === undefined ? {} : { configFile });
const within = (name: string, argv: readonly string[]) =>
  run({ argv: inNamespace(engine.containers.get(name)?.path, argv) });
const ping = ['ping', '-n', '-c', '1', '-W', '1', '198.51.100.7'];
const [host, bridge, tcp, published] = await Promise.all([
  within('agent', ping),
  within('web', ping),
  within('web', talkCommand('ask', 'tcp', '198.51.100.7', '7777')),
  run({ argv: inNamespace(outside.path, talkCommand('ask', 'tcp', '203.0.113.2', '8080')) }),
]);
const { stdout: nat } = await run({ argv: ['iptables-save', '-t', 'nat'] });
const observed = await observeHost(undefined);
const again = hostChange(engine.plan, observed.host, undefined).steps.map((step) => step.kind);
const up = await picture();
await engine.takeDown();
const report: EngineReport = {
  hostPing: host.code === 0,
  bridgePing: bridge.code === 0,
  seenAs: tcp.stdout.trim(),
  published: published.stdout.trim(),
  again,
  masquerade: nat.split('\n').filter((line) => line.includes('MASQUERADE')),
  up,
  down: await picture(),
};
process.stdout.write(JSON.stringify(report));
process.exit(0);
