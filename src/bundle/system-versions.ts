/**
 * Versions of what lies below the engine: the kernels whose modules are installed, and libseccomp. In: fixed folders. Out: lines of
 * tools.txt; none where there is nothing of the kind.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Libraries lie in these folders, or in one for each architecture below (`/usr/lib/arm-linux-gnueabihf`). */
const libraryFolders = ['/usr/lib', '/lib', '/usr/lib64', '/lib64'] as const;

export async function systemVersions(): Promise<readonly string[]> {
  const [kernels, seccomp] = await Promise.all([entries('/lib/modules'), seccompVersion()]);
  return [
    ...(seccomp === undefined ? [] : [`libseccomp ${seccomp}`]),
    ...(kernels.length === 0 ? [] : [`/lib/modules: ${kernels.toSorted().join(' ')}`]),
  ];
}

async function seccompVersion(): Promise<string | undefined> {
  const below = await Promise.all(
    libraryFolders.map(async (folder) => {
      const names = await entries(folder);
      const nested = names
        .filter((name) => name.includes('-linux-'))
        .map((name) => entries(join(folder, name)));
      return [...names, ...(await Promise.all(nested)).flat()];
    }),
  );
  return below.flat().flatMap((name) => /^libseccomp\.so\.(\d+\.\d+\.\d+)$/.exec(name)?.[1] ?? [])[0];
}

function entries(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
