/**
 * The tour itself: a program of its own, started by `bridgekeeper tour` as a stage's first process. In: the language, as an argument.
 * Out: five steps on standard output, each of them really done; exit status 0 only if all of them went as told. When it
 * ends, for whatever reason, its stage ends, and everything that it made.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { CaptureError } from '../bundle/error.ts';
import { EngineError, newestVersion } from '../engine/bring-up.ts';
import { processKernel } from '../kernel/apply.ts';
import { inNamespace } from '../kernel/namespace.ts';
import { KernelError, mustRun, run } from '../kernel/process.ts';
import { bridgeContainer, buildLab, hostContainer, type Lab, talkCommand } from '../lab/build.ts';
import { farAddress, farPort, gatewayAddress, hostAddress, outsideName } from '../lab/place.ts';
import { formatAddr } from '../net/addr.ts';
import { printing } from './printing.ts';
import { type Language, padTo, painter, type Tone } from './terminal.ts';
import { diagnoseLab } from './tour-doctor.ts';
import { tourTexts } from './tour-text.ts';

const language: Language = process.argv[2] === 'zh' ? 'zh' : 'en';
/** How the program is called in the hints at the end. */
const program = process.argv[3] ?? 'bridgekeeper';
const words = tourTexts[language];
const paint = painter(process.stdout, process.env);
const far = formatAddr(farAddress);
const labelWidth = 26;
const verdictWidth = 13;

const daemonJson = '{\n  "ip-masq": false\n}\n';
/** A folder that whoever started the stage takes away; absent: /run, covered by a file system of the stage's own. */
const givenScratch = process.argv[4];
const scratch = givenScratch ?? '/run';

/** Something that the tour tells did not happen. */
class Surprise extends Error {}

async function tour(): Promise<void> {
  write(`${paint('title', words.title)}\n${paint('faint', words.subtitle)}\n`);
  if (givenScratch === undefined) {
    await mustRun({ argv: ['mount', '-t', 'tmpfs', '-o', 'mode=0755,size=1m', 'tmpfs', scratch] });
  }
  mkdirSync(`${scratch}/docker`);
  const configFile = `${scratch}/docker/daemon.json`;
  writeFileSync(configFile, daemonJson);
  const lab = await buildLab({ configFile });

  title(1, words.place);
  row('host', words.hostIs(formatAddr(hostAddress), formatAddr(gatewayAddress)));
  row(outsideName, words.outsideIs(formatAddr(gatewayAddress), far));
  for (const [index, line] of daemonJson.trimEnd().split('\n').entries())
    row(index === 0 ? 'daemon.json' : '', `${paint('faint', String(index + 1))}  ${line}`);

  title(2, words.engine(newestVersion));
  showEngine(lab);

  title(3, words.pings(far));
  await ping(lab, hostContainer, words.hostNetwork, true);
  await pingFromBridge(lab, false);

  title(4, words.doctor);
  const diagnosis = await diagnoseLab(lab, await printing(language).options());
  if (diagnosis === undefined) throw new Surprise(words.nothingFound);
  for (const line of diagnosis.lines) write(`   ${line}`.trimEnd().concat('\n'));
  if (diagnosis.left.length > 0) throw new Surprise(diagnosis.left.join(', '));
  title(5, words.applied);
  for (const line of processKernel.describe(diagnosis.repair).trimEnd().split('\n')) write(`   ${line}\n`);
  await processKernel.apply(diagnosis.repair);
  await ping(lab, hostContainer, words.hostNetwork, true);
  await pingFromBridge(lab, true);

  write(`\n${paint('title', words.end)}\n`);
  const width = `${program} explain ip-masq  `.length;
  row(`sudo ${program} doctor`, words.nextDoctor, width);
  row(`${program} explain ip-masq`, words.nextExplain, width);
  row(`${program} lab up`, words.nextLab, width);
}

function showEngine(lab: Lab): void {
  const { plan, state } = lab.engine;
  const [bridge] = plan.links.filter((link) => link.kind === 'bridge');
  const [address] = bridge?.addresses ?? [];
  const rules = plan.ruleset.tables.flatMap((table) => table.chains.flatMap((chain) => chain.rules)).length;
  if (bridge === undefined || address === undefined) throw new Surprise('no bridge was planned');
  row(bridge.name, words.bridgeIs(`${formatAddr(address.prefix.addr)}/${address.prefix.bits}`, rules));
  for (const { Name, NetworkSettings } of state.containers) {
    const [endpoint] = Object.values(NetworkSettings.Networks);
    const published = Object.entries(NetworkSettings.Ports).map(([port, [at]]) => `${at?.HostPort}:${port}`);
    const isOnBridge = endpoint !== undefined && endpoint.IPAddress !== '';
    row(Name.slice(1), isOnBridge ? words.onBridge(endpoint.IPAddress, published.join(', ')) : words.onHost);
  }
}

/** Pings the outside from a container, shows what ping itself says, and insists that it went as told. */
async function ping(lab: Lab, name: string, network: string, expected: boolean): Promise<void> {
  write(`   ${padTo(`${name} (${network})`, labelWidth)}`);
  const netns = lab.engine.containers.get(name)?.path;
  const { code, stdout } = await run({
    argv: inNamespace(netns, ['ping', '-n', '-q', '-c', '1', '-W', '2', far]),
  });
  const answered = code === 0;
  const tone: Tone = answered ? 'good' : 'bad';
  const verdict = paint(tone, padTo(answered ? words.answers : words.noAnswer, verdictWidth));
  const summary = stdout.split('\n').find((line) => line.includes('packets transmitted')) ?? '';
  write(`${verdict}${paint('faint', summary)}\n`);
  if (answered !== expected) throw new Surprise(`${name} (${network}) ping ${far}: ${summary}`);
}

/** The same from the bridge, with a UDP packet beside it, so that the outside can say which source address it saw. */
async function pingFromBridge(lab: Lab, expected: boolean): Promise<void> {
  const netns = lab.engine.containers.get(bridgeContainer)?.path;
  const before = lab.contacts.length;
  const asked = run({ argv: inNamespace(netns, talkCommand('ask', 'udp', far, String(farPort))) });
  await ping(lab, bridgeContainer, words.bridge, expected);
  const { code } = await asked;
  const seen = lab.contacts[before]?.from;
  const host = formatAddr(hostAddress);
  if (seen === undefined || (seen === host) !== expected || (code === 0) !== expected)
    throw new Surprise(`${outsideName} saw ${seen ?? 'nothing'}`);
  row(
    words.outsideSaw,
    `${paint('title', padTo(seen, verdictWidth))}${expected ? words.hostsAddress : words.noWayBack}`,
  );
}

function title(step: number, text: string): void {
  write(`\n${paint('title', `${step}  ${text}`)}\n`);
}

function row(label: string, text: string, width = labelWidth): void {
  write(`${`   ${padTo(label, width)}${text}`.trimEnd()}\n`);
}

function write(text: string): void {
  process.stdout.write(text);
}

function fail(code: number, message: string): never {
  process.stderr.write(`bridgekeeper: ${message}\n`);
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    write('\n');
    fail(signal === 'SIGINT' ? 130 : 143, words.interrupted);
  });

try {
  await tour();
  process.exit(0);
} catch (error) {
  if (error instanceof Surprise) fail(3, words.failedUnexpectedly(error.message));
  if (error instanceof KernelError || error instanceof EngineError || error instanceof CaptureError)
    fail(4, error.message);
  throw error;
}
