/**
 * The list of commands, in the order of `--help`. Each entry defines its options; its work is imported when it runs.
 */
import type { Command } from 'commander';
import { captureCommand } from './capture.ts';
import { labCommand } from './lab.ts';

export const commands: readonly (() => Command)[] = [captureCommand, labCommand];
