/**
 * The tour itself: a program of its own, started by `bridgekeeper tour` as a stage's first process. In: the language, as an argument.
 * Out: five steps on standard output, each of them really done; exit status 0 only if all of them went as told. When it
 * ends, for whatever reason, its stage ends, and everything that it made.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { EngineError, newestVersion } from '../engine/bring-up.ts';
import { processKernel } from '../kernel/apply.ts';
import { inNamespace } from '../kernel/namespace.ts';
import { KernelError, mustRun, run } from '../kernel/process.ts';
import { onStage } from '../kernel/stage.ts';
import { bridgeContainer, buildLab, hostContainer, type Lab, talkCommand } from '../lab/build.ts';
import { farAddress, farPort, gatewayAddress, hostAddress, outsideName } from '../lab/place.ts';
import { type Addr, formatAddr } from '../net/addr.ts';
import { diagnoseLab } from './tour-doctor.ts';
import { type Language, padTo, painter } from './terminal.ts';
import { tourTexts } from './tour-text.ts';

const language: Language = process.argv[2] === 'zh' ? 'zh' : 'en';
const words = tourTexts[language];
const paint = painter(process.stdout, process.env);
const far = formatAddr(farAddress);

const daemonJson = '{\n  "ip-masq": false\n}\n';
/** On a file system of the stage's own: it goes with it. */
const scratch = '/run';
const configFile = `${scratch}/docker/daemon.json`;

let step = 0;

function title(text: string): void {
  step += 1;
  process.stdout.write(`\n${paint('title', `${step}  ${text}`)}\n`);
}

function row(label: string, text: string): void {
  process.stdout.write(`${`   ${padTo(label, labelWidth)}${text}`.trimEnd()}\n`);
}

const labelWidth = 26;

/** What did not go as the tour tells it. */
class Surprise extends Error {}

async function tour(): Promise<void> {
  process.stdout.write(`${paint('title', words.title)}\n${paint('faint', words.subtitle)}\n`);
  await mustRun({ argv: ['mount', '-t', 'tmpfs', '-o', 'mode=0755,size=1m', 'tmpfs', scratch] });
  mkdirSync(`${scratch}/docker`);
  writeFileSync(configFile, daemonJson);
  const lab = await buildLab({ configFile });
  showPlace();
  showEngine(lab);
  await showPings(lab, 'before');
  const repair = await showDiagnosis(lab);
  title(words.applied);
  for (const line of processKernel.describe(repair).trimEnd().split('\n')) row('', line);
  await processKernel.apply(repair);
  await pings(lab, 'after');
  showEnd();
}

function showPlace(): void {
  title(words.place);
  row('host', words.hostIs(formatAddr(hostAddress), formatAddr(gatewayAddress)));
  row(outsideName, words.outsideIs(formatAddr(gatewayAddress), far));
  for (const [index, line] of daemonJson.trimEnd().split('\n').entries())
    row(index === 0 ? 'daemon.json' : '', `${index + 1}  ${line}`);
}
