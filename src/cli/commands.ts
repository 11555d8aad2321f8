/**
 * The list of commands, in the order of `--help`. Each entry defines its options; its work is imported when it runs.
 */
import type { Command } from 'commander';
import { captureCommand } from './capture.ts';
import { configCommand } from './config.ts';
import { doctorCommand } from './doctor.ts';
import { driftCommand } from './drift.ts';
import { explainCommand } from './explain.ts';
import { healCommand } from './heal.ts';
import { labCommand } from './lab.ts';
import { rehearseCommand } from './rehearse.ts';
import { replayCommand } from './replay.ts';
import { rulesCommand } from './rules.ts';
import { storeCommand } from './store.ts';
import { tourCommand } from './tour.ts';
import { traceCommand } from './trace.ts';
import { upgradeCommand } from './upgrade.ts';

export const commands: readonly (() => Command)[] = [
  tourCommand,
  doctorCommand,
  traceCommand,
  driftCommand,
  healCommand,
  rulesCommand,
  upgradeCommand,
  explainCommand,
  configCommand,
  replayCommand,
  storeCommand,
  captureCommand,
  rehearseCommand,
  labCommand,
];
