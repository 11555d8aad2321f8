/**
 * Runs the doctor's commands on a rebuilt host, as their text says and without a shell. In: the text of a repair, one command a line. Out:
 * what each tool said. Where a line asks docker for a container's process, the rebuilt container is meant; where it names a native rule by
 * its handle, that rule is.
 */
import { shellWords } from '../diagnosis/shell.ts';
import type { Namespace } from '../host/state.ts';
import { inNamespace } from '../kernel/namespace.ts';
import { KernelError, run } from '../kernel/process.ts';
import { sysctlPath } from '../kernel/sysctl-path.ts';
import type { RunCommand } from '../report/rehearsal.ts';
import type { Rebuilt } from './build.ts';
import { handleTranslation, type Translate } from './handles.ts';
import { isAllowedSysctl } from './sysctls.ts';

/** Programs that a repair may use. */
const programs = /^(?:ip|bridge|nft|ip6?tables(?:-nft|-legacy)?)$/;
/** How a command enters a container (diagnosis/commands.ts). */
const entering = /^nsenter -n -t "\$\(docker inspect -f '\{\{\.State\.Pid\}\}' (\S+)\)" /;

/** Runs the lines in order; after one that fails the others are tried too, as a person would. */
export async function runRepair(
  rebuilt: Rebuilt,
  host: Namespace,
  text: string,
): Promise<readonly RunCommand[]> {
  const done: RunCommand[] = [];
  const path = rebuilt.actors.get(host.name)?.path;
  const translate: Translate =
    path !== undefined && / handle \d/.test(text) ? await handleTranslation(host, path) : (args) => args;
  for (const line of text.split('\n')) {
    done.push({ line, ...(await runLine(rebuilt, host.name, line, translate)) });
  }
  return done;
}

type Said = Omit<RunCommand, 'line'>;

async function runLine(rebuilt: Rebuilt, host: string, line: string, translate: Translate): Promise<Said> {
  const inside = entering.exec(line);
  const [container] = inside?.[1] === undefined ? [host] : (shellWords(inside[1]) ?? []);
  const words = shellWords(line.slice(inside?.[0].length ?? 0));
  const actor = container === undefined ? undefined : rebuilt.actors.get(container);
  if (actor === undefined) return { failed: `there is no container ${container ?? ''}` };
  const [program = '', ...given] = words ?? [];
  if (words === undefined) return { failed: 'it needs a shell' };
  if (program === 'sysctl') return writeSysctl(actor.path, given);
  if (!programs.test(program)) return { needs: program };
  const args = program === 'nft' ? translate(given) : given;
  if (args === undefined) return { failed: 'the rule that it names could not be rebuilt' };
  try {
    // What debian calls iptables may be either; the doctor means the one that the host's rules are in.
    const tool = /^ip6?tables$/.test(program) ? `${program}-nft` : program;
    const { code, stderr, stdout } = await run({ argv: inNamespace(actor.path, [tool, ...args]) });
    return code === 0 ? {} : { failed: firstLine(stderr.trim() || stdout.trim() || `exit status ${code}`) };
  } catch (error) {
    if (error instanceof KernelError) return { failed: error.message };
    throw error;
  }
}

/** sysctl(8) is not everywhere, and writes whatever it is told. */
async function writeSysctl(netns: string, args: readonly string[]): Promise<Said> {
  const [, name, value] = /^([\w./-]+)=(\d+)$/.exec(args.filter((word) => word !== '-w').join(' ')) ?? [];
  if (name === undefined || value === undefined) return { failed: 'not a setting' };
  if (!isAllowedSysctl(name)) return { failed: `not a sysctl that a rehearsal sets: ${name}` };
  const argv = inNamespace(netns, ['dd', 'status=none', `of=${sysctlPath(name)}`]);
  const { code, stderr } = await run({ argv, stdin: `${value}\n` });
  return code === 0 ? {} : { failed: firstLine(stderr.trim()) };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
