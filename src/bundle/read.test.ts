import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { text } from '../host/facts.ts';
import { BundleError } from './error.ts';
import { Budget } from './limits.ts';
import { readBundle } from './read.ts';
import { checkTarget, packBundle, writeBundle } from './write.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface RawEntry {
  readonly name: string;
  readonly content?: string;
  /** As claimed in the header, where that is not the content's size. */
  readonly size?: number;
  /** tar(5) type flag: 0 file, 2 symbolic link, 3 device, 5 directory. */
  readonly type?: string;
  readonly linkname?: string;
}

/** A tar archive byte by byte, so that it can lie. */
function rawTar(entries: readonly RawEntry[], end = true): Buffer {
  const blocks = entries.map(({ name, content = '', size, type = '0', linkname = '' }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write('0000644\0', 100);
    header.write('0000000\0', 108);
    header.write('0000000\0', 116);
    header.write(`${(size ?? content.length).toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write(type, 156);
    header.write(linkname, 157);
    header.write('ustar\u000000', 257);
    const sum = header.reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
    body.write(content);
    return Buffer.concat([header, body]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(end ? 1024 : 0)]);
}

function put(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

async function refusal(path: string): Promise<string> {
  const error = await readBundle(path).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(BundleError);
  const message = error instanceof Error ? error.message : '';
  expect(message.split('\n')).toHaveLength(1);
  return message;
}

const plain: readonly RawEntry[] = [
  { name: 'tools.txt', content: 'iptables v1.8.9 (nf_tables)\n' },
  { name: 'firewalld/direct.xml', content: '<direct/>' },
];

describe('readBundle', () => {
  it.each([
    ['a .tar', (b: Buffer) => b],
    ['a .tar.gz', (b: Buffer) => gzipSync(b)],
  ])('reads %s', async (_, pack) => {
    const facts = await readBundle(put('b', pack(rawTar(plain))));
    expect([...facts.files.keys()]).toEqual(['tools.txt', 'firewalld/direct.xml']);
    expect(text(facts, 'tools.txt')).toBe('iptables v1.8.9 (nf_tables)\n');
    expect(facts.origin).toBe(join(folder, 'b'));
  });

  it('reads a directory', async () => {
    mkdirSync(join(folder, 'd/firewalld'), { recursive: true });
    put('d/ss.txt', Buffer.from('x'));
    put('d/firewalld/direct.xml', Buffer.from('y'));
    const facts = await readBundle(join(folder, 'd'));
    expect([...facts.files.keys()]).toEqual(['firewalld/direct.xml', 'ss.txt']);
  });

  it('takes files out of the one folder that holds them all, but not out of a folder of the bundle', async () => {
    const wrapped = [
      { name: 'web01/', type: '5' },
      { name: './web01/ss.txt', content: 'x' },
      { name: 'web01/networkd/a', content: 'y' },
    ];
    const facts = await readBundle(put('b.tar', rawTar(wrapped)));
    expect([...facts.files.keys()]).toEqual(['ss.txt', 'networkd/a']);
    const own = await readBundle(put('o.tar', rawTar([{ name: 'networkd/a', content: 'y' }])));
    expect([...own.files.keys()]).toEqual(['networkd/a']);
  });

  it('leaves the oracle out unless asked', async () => {
    const path = put('b.tar', rawTar([...plain, { name: 'oracle/probes.json', content: '[]' }]));
    expect((await readBundle(path)).files.has('oracle/probes.json')).toBe(false);
    expect((await readBundle(path, { oracle: true })).files.has('oracle/probes.json')).toBe(true);
    const wrapped = put(
      'w.tar',
      rawTar([
        { name: 'c/ss.txt', content: 'x' },
        { name: 'c/oracle/p', content: 'y' },
      ]),
    );
    expect([...(await readBundle(wrapped)).files.keys()]).toEqual(['ss.txt']);
  });

  it.each([
    ['../etc/passwd', 'leads out of the bundle'],
    ['a/../../b', 'leads out of the bundle'],
    ['/etc/passwd', 'absolute path'],
    ['a\\b', 'a character that no bundle uses'],
  ])('refuses the name %s', async (name, why) => {
    const message = await refusal(put('b.tar', rawTar([...plain, { name, content: 'x' }])));
    expect(message).toContain(JSON.stringify(name));
    expect(message).toContain(why);
  });

  it.each([
    ['2', 'symlink'],
    ['1', 'link'],
    ['3', 'character-device'],
    ['6', 'fifo'],
  ])('refuses an entry of type %s', async (type, what) => {
    const message = await refusal(put('b.tar', rawTar([{ name: 'l', type, linkname: '/etc/passwd' }])));
    expect(message).toContain('"l" is not a plain file');
    expect(message).toContain(what);
  });

  it('refuses a file by the size that it claims, before reading it', async () => {
    const message = await refusal(put('b.tar', rawTar([{ name: 'big', size: 2 ** 31 }])));
    expect(message).toContain('entry "big" has 2048 MiB; the limit is 64 MiB');
  });

  it('refuses files that are too much together by their claims, also those it leaves out', async () => {
    const many = Array.from({ length: 10_001 }, (_, i) => ({ name: `f${i}` }));
    expect(await refusal(put('b.tar', rawTar(many)))).toContain('more than 10000 entries');
    const oracle = { name: 'oracle/big', size: 2 ** 31 };
    expect(await refusal(put('o.tar', rawTar([oracle])))).toContain('"oracle/big" has 2048 MiB');
  });

  it('refuses files that are each small enough but too much together', () => {
    const budget = new Budget('b');
    for (let i = 0; i < 8; i++) budget.file(`f${i}`, 64 * 1024 * 1024);
    expect(() => budget.file('last', 1)).toThrow('b: more than 512 MiB of files');
  });

  it('bounds what a small gzip file may unpack to', async () => {
    const mebibyte = gzipSync(Buffer.alloc(1024 * 1024));
    const bomb = Buffer.concat([gzipSync(rawTar(plain)), ...Array.from({ length: 600 }, () => mebibyte)]);
    expect(await refusal(put('b.tgz', bomb))).toContain('more than 512 MiB when unpacked');
  });

  it('says that an archive is cut off, wherever it is cut', async () => {
    const whole = rawTar([...plain, { name: 'long', content: 'x'.repeat(5000) }]);
    const packed = gzipSync(whole);
    for (const length of [600, 1024, 2500, whole.length - 1024]) {
      expect(await refusal(put('b.tar', whole.subarray(0, length)))).toContain('cut off');
    }
    for (const length of [30, packed.length - 1]) {
      expect(await refusal(put('b.tgz', packed.subarray(0, length)))).toContain('cut off');
    }
  });

  it('says what else is wrong in one line', async () => {
    expect(await refusal(join(folder, 'absent'))).toContain('no such file or directory');
    expect(await refusal(put('text', Buffer.from('hello\n')))).toContain(
      'neither a bundle nor firewall rules',
    );
    expect(await refusal(put('noise', Buffer.alloc(4096, 'ab\0')))).toContain('not a tar archive');
    const broken = gzipSync(rawTar(plain));
    broken.fill(0xff, 20, 60);
    expect(await refusal(put('b.tgz', broken))).toContain('gzip data is damaged');
    const twice = [...plain, { name: './tools.txt', content: 'other' }];
    expect(await refusal(put('t.tar', rawTar(twice)))).toContain('"./tools.txt" is there twice');
    expect(await refusal(put('e.tar', rawTar([{ name: 'd/', type: '5' }])))).toContain('holds no files');
  });

  it.each([
    ['PK\u0003\u0004', 'a zip archive'],
    ['\u00fd7zXZ\0', 'packed with xz'],
    ['BZh91AY', 'packed with bzip2'],
    ['', 'it is empty'],
    ['Chain INPUT (policy ACCEPT)\ntarget prot opt source destination\n', 'this is iptables -L'],
    ['-P INPUT ACCEPT\n-A INPUT -i lo -j ACCEPT\n', 'this is iptables -S'],
  ])('says what %j is', async (content, what) => {
    expect(await refusal(put('b', Buffer.from(content, 'latin1')))).toContain(what);
  });

  it('says that a sosreport is none, before what else it holds', async () => {
    const sos = [
      { name: 'sosreport-web01/sos_commands/networking/ip_addr' },
      { name: 'l', type: '2', linkname: 'x' },
    ];
    expect(await refusal(put('s.tar', rawTar(sos)))).toContain('a sosreport, which is no bundle');
  });

  const rules = '# Generated by iptables-save v1.8.9 (nf_tables)\n*filter\n:INPUT DROP [0:0]\nCOMMIT\n';

  it.each([
    ['a text', Buffer.from(rules)],
    ['a packed text', gzipSync(rules)],
    ['an archive of it', rawTar([{ name: 'etc/rules.v4', content: rules }])],
    ['UTF-16', Buffer.from(`\ufeff${rules}`, 'utf16le')],
  ])('takes rules from %s by what they are', async (_, bytes) => {
    const facts = await readBundle(put('b', bytes));
    expect([...facts.files.keys()]).toEqual(['iptables-save.txt']);
    expect(text(facts, 'iptables-save.txt')).toBe(rules);
  });

  it('escapes what a name would do to a terminal', async () => {
    const message = await refusal(put('b.tar', rawTar([{ name: '../\u001b[31mred' }])));
    expect(message).toContain('\\u001b');
  });

  it('refuses a link in a directory, and does not follow it', async () => {
    mkdirSync(join(folder, 'd'));
    symlinkSync('/etc/passwd', join(folder, 'd/ss.txt'));
    expect(await refusal(join(folder, 'd'))).toContain('"ss.txt" is not a plain file');
  });
});

describe('writeBundle', () => {
  const files = new Map([
    ['tools.txt', Buffer.from('ip\n')],
    ['networkd/a.network', Buffer.from([0, 255, 1])],
  ]);
  const facts = { files, origin: 'live' };

  it.each(['b.tar.gz', 'dir/'])('writes %s that reads the same', async (name) => {
    const path = join(folder, name);
    await writeBundle(facts, path);
    const back = await readBundle(path);
    expect(new Map([...back.files].map(([k, v]) => [k, [...v]]))).toEqual(
      new Map([...files].map(([k, v]) => [k, [...v]])),
    );
  });

  it('lets only the owner read it', async () => {
    const { statSync } = await import('node:fs');
    await writeBundle(facts, join(folder, 'b.tar.gz'));
    await writeBundle(facts, join(folder, 'dir/'));
    expect(statSync(join(folder, 'b.tar.gz')).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'dir/tools.txt')).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'dir')).mode & 0o777).toBe(0o700);
  });

  it('replaces an archive only when told, and never writes into a folder that holds something', async () => {
    const path = put('b.tar.gz', Buffer.from('old'));
    await expect(writeBundle(facts, path)).rejects.toThrow('exists; --force replaces it');
    await writeBundle(facts, path, { force: true });
    expect((await readBundle(path)).files.size).toBe(2);
    await expect(checkTarget(`${folder}/`, { force: true })).rejects.toThrow('is not empty');
    await expect(checkTarget(folder, { force: true })).rejects.toThrow('is a directory');
  });

  it('packs names and bytes as they are', async () => {
    const facts2 = await readBundle(put('p', await packBundle(facts)));
    expect(text(facts2, 'tools.txt')).toBe('ip\n');
  });
});
