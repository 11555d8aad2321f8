/**
 * How long 60 networks and 400 published ports take: dockerd, our plan applied to a fresh namespace, and the plainest tools.
 * In: a real dockerd, which this starts. Out: medians of turns in one run, as times and ratios. Every turn ends with the same rules
 * in all three namespaces, or the benchmark fails. The userland proxy is off: its processes are no work of ours.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { captureFacts } from '../src/bundle/capture.ts';
import { hostChange } from '../src/engine/realise.ts';
import { type Facts, text } from '../src/host/facts.ts';
import type { Namespace } from '../src/host/state.ts';
import { hostStateFromFacts } from '../src/host/state-from-facts.ts';
import { processKernel } from '../src/kernel/apply.ts';
import { hold, inNamespace } from '../src/kernel/namespace.ts';
import { observeHost } from '../src/kernel/observe.ts';
import { mustRun } from '../src/kernel/process.ts';
import { formatPrefix } from '../src/net/prefix.ts';
import { expectedFromFacts } from '../src/plan/expected.ts';
import { firstDifferences, linesOf } from '../test/judge/rules.ts';
import { dockerdUnavailable, image, startDockerd } from '../test/support/dockerd.ts';
import { median } from './median.ts';

const networks = 60;
const ports = 400;
const turns = 3;

const settings = {
  config: {
    'userland-proxy': false,
    'live-restore': true,
    'default-address-pools': [{ base: '10.0.0.0/8', size: 24 }],
  },
};

/** Milliseconds by what took them. */
const measured = new Map<string, number[]>();

async function timed<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  measured.set(what, [...(measured.get(what) ?? []), performance.now() - start]);
  return result;
}

function time(what: string): number {
  return median(measured.get(what) ?? []);
}

/** One request of the Engine API; the docker command would add its own start to each. */
function post(socketPath: string, path: string, body: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { Host: 'docker', 'Content-Type': 'application/json' };
    const asked = request({ socketPath, path, method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        const status = response.statusCode ?? 0;
        if (status < 300) resolve();
        else reject(new Error(`${path}: ${status} ${Buffer.concat(chunks).toString('utf8')}`));
      });
    });
    asked.once('error', reject);
    asked.end(JSON.stringify(body));
  });
}

function container(published: number): unknown {
  const numbers = Array.from({ length: published }, (_, index) => index + 1);
  return {
    Image: image,
    Cmd: ['sleep', 'infinity'],
    ExposedPorts: Object.fromEntries(numbers.map((port) => [`${port}/tcp`, {}])),
    HostConfig: {
      NetworkMode: 'net0',
      PortBindings: Object.fromEntries(
        numbers.map((port) => [`${port}/tcp`, [{ HostPort: `${20_000 + port}` }]]),
      ),
    },
  };
}

/** A dockerd's turn: the facts of its namespace when all is there. */
async function dockerTurn(): Promise<Facts> {
  const dockerd = await startDockerd(settings);
  const { socket, netns, log } = dockerd;
  try {
    await dockerd.halt();
    await timed('start', () => dockerd.start());
    await timed('networks', async () => {
      for (let index = 0; index < networks; index++)
        await post(socket, '/networks/create', { Name: `net${index}` });
    });
    await post(socket, '/containers/create?name=plain', container(0));
    await timed('container', () => post(socket, '/containers/plain/start', {}));
    await post(socket, '/containers/create?name=ported', container(ports));
    await timed('ports', () => post(socket, '/containers/ported/start', {}));
    const captured = await captureFacts({ netns });
    const facts = { ...captured, files: new Map([...captured.files, ['dockerd.log', readFileSync(log)]]) };
    await dockerd.halt();
    await timed('start again', () => dockerd.start());
    return facts;
  } finally {
    await dockerd.stop();
  }
}

/** Ours: the plan for what dockerd was asked for, applied where nothing is. The links of the containers are left out. */
async function ourTurn(facts: Facts): Promise<void> {
  const expected = expectedFromFacts(facts);
  if ('cannot' in expected) throw new Error(expected.cannot);
  const plan = await timed('plan', () => expected.replan(expected.intent));
  const place = await hold({ namespace: 'new' });
  try {
    const { host } = await observeHost(place.path);
    await timed('apply', () => processKernel.apply(hostChange(plan, host, place.path)));
    await expectRules(facts, place.path);
  } finally {
    await place.release();
  }
}

/** The least that any program can do with these tools: the final rules at once, and the bridges at once. */
async function leastTurn(facts: Facts): Promise<void> {
  const rules = text(facts, 'iptables-save.txt') ?? '';
  const bridges = hostNamespace(facts).links.filter(({ kind }) => kind === 'bridge');
  const batch = bridges.flatMap(({ name, addresses }) => [
    `link add ${name} type bridge`,
    ...addresses
      .filter(({ prefix }) => prefix.addr.family === 'ipv4')
      .map(({ prefix }) => `address add ${formatPrefix(prefix)} dev ${name}`),
    `link set ${name} up`,
  ]);
  const place = await hold({ namespace: 'new' });
  const at = (argv: readonly string[], stdin: string) =>
    mustRun({ argv: inNamespace(place.path, argv), stdin });
  try {
    await timed('restore', () => at(['iptables-restore'], rules));
    await timed('bridges', () => at(['ip', '-batch', '-'], `${batch.join('\n')}\n`));
    await expectRules(facts, place.path);
  } finally {
    await place.release();
  }
}

function hostNamespace(facts: Facts): Namespace {
  const host = hostStateFromFacts(facts).state.namespaces.find(({ kind }) => kind === 'host');
  if (host === undefined) throw new Error('the capture has no host');
  return host;
}

/** Fails unless the namespace has the rules that dockerd made. */
async function expectRules(facts: Facts, netns: string): Promise<void> {
  const { host } = await observeHost(netns);
  const differences = firstDifferences(
    linesOf(host.firewall, 'ipv4'),
    linesOf(hostNamespace(facts).firewall, 'ipv4'),
  );
  if (differences.length > 0) throw new Error(`other rules than dockerd's:\n${differences.join('\n')}`);
}

const unavailable = dockerdUnavailable();
if (unavailable !== undefined) {
  console.error(unavailable);
  process.exit(4);
}
for (let turn = 0; turn < turns; turn++) {
  const facts = await dockerTurn();
  await ourTurn(facts);
  await leastTurn(facts);
}

const ours = time('plan') + time('apply');
const least = time('restore') + time('bridges');
const table: readonly (readonly [string, number])[] = [
  [`dockerd: make ${networks} networks`, time('networks')],
  [
    `dockerd: publish ${ports} ports (a container with them, less one without)`,
    time('ports') - time('container'),
  ],
  ['dockerd: both', time('networks') + time('ports') - time('container')],
  ['dockerd: start with all of it there, less a start with nothing', time('start again') - time('start')],
  ['bridgekeeper: plan both', time('plan')],
  ['bridgekeeper: apply both', time('apply')],
  ['bridgekeeper: plan and apply', ours],
  ['one iptables-restore of the final rules', time('restore')],
  ['one iptables-restore and one ip -batch of the bridges', least],
];
const width = Math.max(...table.map(([what]) => what.length));
console.log(`medians of ${turns} turns${' '.repeat(width - 18)}        ms   / ours   / least`);
for (const [what, milliseconds] of table) {
  const columns = [
    milliseconds.toFixed(0).padStart(10),
    ...[ours, least].map((unit) => ratio(milliseconds / unit)),
  ];
  console.log(`${what.padEnd(width)}${columns.join('')}`);
}

function ratio(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0).padStart(9);
}
