/**
 * Where a sysctl lives. In: its dotted name as sysctl(8) prints it. Out: its path below /proc/sys. Pure.
 * A link's name may hold dots (`eth0.100`), which sysctl(8) prints as slashes: the two are swapped.
 */

/** Path of a sysctl; throws on names that would leave /proc/sys. */
export function sysctlPath(name: string): string {
  const path = [...name].map((c) => (c === '.' ? '/' : c === '/' ? '.' : c)).join('');
  if (
    !/^[A-Za-z0-9_/.:@+-]+$/.test(path) ||
    path.split('/').some((part) => part === '' || part === '.' || part === '..')
  )
    throw new Error(`not a sysctl: ${JSON.stringify(name)}`);
  return `/proc/sys/${path}`;
}
