/**
 * Files of the host that say who else configures its network: resolver, network managers, firewalls, kernel log.
 * In: fixed paths. Out: bundle files, with keys and passwords replaced. What does not exist is silently absent.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Notes } from './notes.ts';
import { run } from './process.ts';
import { withoutCredentials } from './redact.ts';

const singleFiles: readonly (readonly [file: string, path: string])[] = [
  ['os-release', '/etc/os-release'],
  ['resolv.conf', '/etc/resolv.conf'],
  ['NetworkManager.conf', '/etc/NetworkManager/NetworkManager.conf'],
  ['nftables.conf', '/etc/nftables.conf'],
  ['firewalld/firewalld.conf', '/etc/firewalld/firewalld.conf'],
  ['firewalld/direct.xml', '/etc/firewalld/direct.xml'],
];

/** Folders whose files are taken by name; of equal names the later folder's wins, as systemd.network(5) has it. */
const folders: readonly (readonly [folder: string, path: string])[] = [
  ['networkd', '/usr/lib/systemd/network'],
  ['networkd', '/run/systemd/network'],
  ['networkd', '/etc/systemd/network'],
  ['NetworkManager.conf.d', '/usr/lib/NetworkManager/conf.d'],
  ['NetworkManager.conf.d', '/run/NetworkManager/conf.d'],
  ['NetworkManager.conf.d', '/etc/NetworkManager/conf.d'],
  ['firewalld/zones', '/etc/firewalld/zones'],
  ['firewalld/policies', '/etc/firewalld/policies'],
];

/** Bytes of the kernel's log, from its end. */
const kernelLogBytes = 512 * 1024;

export async function systemFiles(notes: Notes): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const take = async (file: string, path: string): Promise<void> => {
    try {
      files.set(file, Buffer.from(withoutCredentials(await readFile(path, 'utf8'))));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'ENOENT' && code !== 'EISDIR') notes.add(file, `${path}: ${String(code ?? error)}`);
    }
  };
  await Promise.all(singleFiles.map(([file, path]) => take(file, path)));
  for (const [folder, path] of folders) {
    const names = (await readdir(path).catch(() => [])).filter((name) =>
      /\.(network|netdev|link|xml|conf)$/.test(name),
    );
    await Promise.all(names.map((name) => take(`${folder}/${name}`, join(path, name))));
  }
  const log = await run(['dmesg']);
  if (log.ok)
    files.set(
      'kernel.log',
      Buffer.from(withoutCredentials(log.stdout.subarray(-kernelLogBytes).toString('utf8'))),
    );
  else notes.add('kernel.log', log.failed);
  return files;
}
