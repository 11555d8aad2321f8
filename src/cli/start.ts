/**
 * The program's start. Reading and compiling its modules is a large part of a short run; Node.js can keep what it compiled beside
 * the program. In: the command line. Out: what `main.ts` does.
 */
import { statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';

const home = dirname(import.meta.dirname);
// Only for the program's owner: what root left in somebody's clone, that somebody could not remove.
if (statSync(home).uid === process.getuid?.()) enableCompileCache(join(home, '.compile-cache'));
await import('./main.ts');
