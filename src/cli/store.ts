/**
 * `bridgekeeper store`: Docker's local-kv.db, read without dockerd. In: a file, a copy or the live one, damaged or not. Out: its keys,
 * values, all of it as JSON, or what is wrong with it. The file is never locked or written.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { StoreRecord } from '../bolt/docker-records.ts';
import type { BoltFile } from '../bolt/read.ts';
import { badInput, Failure } from './failure.ts';
import { readStoreFile } from './store-file.ts';

interface StoreOptions {
  readonly json?: boolean;
}

export function storeCommand(): Command {
  const part = (name: string, description: string) =>
    new Command(name)
      .description(description)
      .argument('<file>', "the store, by default Docker's is /var/lib/docker/network/files/local-kv.db")
      .option('--json', 'as JSON');
  return new Command('store')
    .description("read Docker's store of networks (local-kv.db)")
    .addCommand(
      part('ls', 'list the keys, with what each is about')
        .argument('[prefix]', 'only keys that begin so')
        .action(listKeys),
    )
    .addCommand(
      part('get', 'print keys and their values as they stand; with --json, strings that hold JSON unfolded')
        .argument('<key>', 'a key, or what several begin with: docker/network/v1.0/bridge')
        .action(getValues),
    )
    .addCommand(part('export', 'print everything as JSON, strings that hold JSON unfolded').action(exportAll))
    .addCommand(
      part('check', 'check the file and whether its records agree; exit 1 if something is wrong').action(
        checkStore,
      ),
    );
}

/** What could be read, whatever the file is. */
async function load(path: string) {
  const [{ bytes, torn, written }, { readBolt }, records] = await Promise.all([
    readStoreFile(path),
    import('../bolt/read.ts'),
    import('../bolt/docker-records.ts'),
  ]);
  const reading = readBolt(bytes);
  if (reading.kind === 'not-bolt')
    throw badInput(`${path}: not a bolt file, neither of its meta pages is where one has to be`);
  const file = reading.kind === 'bolt' ? reading.file : undefined;
  const store =
    file === undefined
      ? { records: [], foreignBuckets: [], hasBucket: false }
      : records.storeRecords(file.root);
  return { path, torn, written, file, ...store };
}

type Loaded = Awaited<ReturnType<typeof load>>;

async function listKeys(path: string, prefix: string | undefined, options: StoreOptions): Promise<void> {
  const [loaded, { summaryOf }, { printable }] = await Promise.all([
    load(path),
    import('./store-text.ts'),
    import('../report/text/layout.ts'),
  ]);
  const records = loaded.records.filter(({ key }) => key.startsWith(prefix ?? ''));
  writeNotes(loaded);
  if (options.json === true)
    return write(
      asJson('store-ls', loaded, records, ({ key, kind, ids, index, bytes, fault }) => ({
        key,
        kind,
        ids,
        index: number(index),
        size: bytes.length,
        ...(fault === undefined ? {} : { fault }),
      })),
    );
  await write(records.map((record) => `${printable(`${record.key}  ${summaryOf(record)}`.trimEnd())}\n`));
}

async function getValues(path: string, key: string, options: StoreOptions): Promise<void> {
  const [loaded, { printable }] = await Promise.all([load(path), import('../report/text/layout.ts')]);
  const records = loaded.records.filter((record) => record.key.startsWith(key));
  writeNotes(loaded);
  if (records.length === 0)
    throw loaded.file?.lost === true
      ? new Failure(3, `${path}: no key that could be read begins with ${JSON.stringify(key)}`)
      : badInput(`${path}: no key begins with ${JSON.stringify(key)} (store ls lists them)`);
  if (options.json === true) return write(asJson('store-get', loaded, records, await recordWriter()));
  // Byte for byte, but for what could steer a terminal.
  const shown = (bytes: Uint8Array) => (process.stdout.isTTY ? printable(decode(bytes)) : bytes);
  const newline = Uint8Array.of(0x0a);
  await write(records.flatMap((record) => [`${printable(record.key)}\n`, shown(record.bytes), newline]));
}

async function exportAll(path: string): Promise<void> {
  const loaded = await load(path);
  writeNotes(loaded);
  await write(asJson('store', loaded, loaded.records, await recordWriter()));
}

/** Shows a record decoded; as text where its value is no JSON. */
async function recordWriter() {
  const { decodeValue } = await import('../bolt/docker-decode.ts');
  return ({ key, kind, ids, index, json, bytes, fault }: StoreRecord) => ({
    key,
    kind,
    ids,
    index: number(index),
    ...(fault === undefined || json !== undefined
      ? { value: decodeValue(kind, json) ?? null }
      : { text: decode(bytes) }),
    ...(fault === undefined ? {} : { fault }),
  });
}

/** One step of dockerd, like making a network, is several transactions, and in between the records do not agree. */
const restMs = 1000;
const patienceMs = 5000;

/** What the check says of the store as it is; of one that is being written to, once nothing is wrong or it rests. */
async function checkAtRest(path: string) {
  const giveUp = Date.now() + patienceMs;
  for (;;) {
    const loaded = await load(path);
    const checked = await check(loaded);
    // A time in the future is some other clock's.
    const atRest = !loaded.torn && Math.abs(Date.now() - loaded.written) > restMs;
    if (checked.healthy || atRest || Date.now() > giveUp) return { loaded, atRest, ...checked };
    await sleep(restMs / 4);
  }
}

async function check(loaded: Loaded) {
  const [{ checkRecords }, text] = await Promise.all([
    import('../bolt/docker-check.ts'),
    import('./store-text.ts'),
  ]);
  const { file, torn } = loaded;
  const complete = file?.lost !== true && !torn;
  const said = [
    ...(file?.problems ?? []).map((problem) => ({ problem, summary: text.problemText(problem) })),
    ...checkRecords(loaded, { complete }).map((problem) => ({
      problem,
      summary: text.findingText(problem),
    })),
  ].map(({ problem, summary }) => ({ severity: text.severityOf(problem), summary, problem }));
  return { said, complete, healthy: said.every(({ severity }) => severity !== 'error') };
}

async function checkStore(path: string, options: StoreOptions): Promise<void> {
  const [{ loaded, atRest, said, complete, healthy }, { printable }] = await Promise.all([
    checkAtRest(path),
    import('../report/text/layout.ts'),
  ]);
  const { file, records } = loaded;
  // What is wrong in the middle of a step of dockerd need not be wrong with the store.
  if (!healthy) process.exitCode = atRest ? 1 : 3;
  if (options.json === true) {
    const findings = said.map(({ severity, summary, problem }) => ({ severity, ...plain(problem), summary }));
    const { problems: _, ...about } = aboutFile(loaded);
    const schema = 'bridgekeeper.store-check/1';
    return write([`${JSON.stringify({ schema, ...about, atRest, healthy, complete, findings })}\n`]);
  }
  writeNotes(loaded, 'check');
  if (!healthy && !atRest && !loaded.torn)
    note(path, 'it is being written to: what does not agree now may agree in a moment');
  const lines = said.map(({ severity, summary }) => `${severity.padEnd(7)}  ${printable(summary)}\n`);
  const unlisted = (file?.problemsInAll ?? 0) - (file?.problems.length ?? 0);
  if (unlisted > 0) lines.push(`error    ${unlisted} more of the like\n`);
  if (!complete)
    lines.push(
      '         not checked, since records may be missing: what belongs to nothing, counts of endpoints\n',
    );
  const counts = `${records.length} records, transaction ${file?.transaction ?? 0}, ${file?.pages ?? 0} pages of ${file?.pageSize ?? 0} bytes, ${file?.freePages ?? 0} free`;
  await write([...lines, `${healthy ? 'ok' : 'wrong'}: ${counts}\n`]);
}

/** What makes the answer less than the whole truth goes to standard error, so that the output stays one thing. */
function writeNotes({ path, torn, file, hasBucket, foreignBuckets }: Loaded, command?: 'check'): void {
  const notes: string[] = [];
  if (file === undefined) notes.push('the file is empty: dockerd would begin a new store in it');
  if (torn) notes.push('it was written to while it was read, each time: records may be mixed up');
  if (file !== undefined && file.problems.length > 0 && command !== 'check')
    notes.push(
      file.lost
        ? 'damaged, records may be missing (store check says where)'
        : 'damaged (store check says where)',
    );
  if (!hasBucket && foreignBuckets.length > 0 && command !== 'check')
    notes.push(
      `no store of Docker: its buckets are ${foreignBuckets.map(({ path: p }) => JSON.stringify(p)).join(', ')}`,
    );
  for (const text of notes) note(path, text);
}

function note(path: string, text: string): void {
  process.stderr.write(`bridgekeeper: note: ${path}: ${text}\n`);
}

/** The frame of every JSON output, in pieces: one record may be long, all of them very long. */
function* asJson<T>(
  schema: string,
  loaded: Loaded,
  records: readonly T[],
  show: (record: T) => unknown,
): Iterable<string> {
  const head = JSON.stringify({ schema: `bridgekeeper.${schema}/1`, ...aboutFile(loaded) });
  yield `${head.slice(0, -1)},"records":[`;
  for (const [at, record] of records.entries())
    yield `${at === 0 ? '\n' : ',\n'}${JSON.stringify(show(record))}`;
  yield records.length === 0 ? ']}\n' : '\n]}\n';
}

function aboutFile({ path, torn, file, foreignBuckets }: Loaded) {
  return {
    file: path,
    torn,
    ...(file === undefined ? { empty: true } : fileFields(file)),
    foreignBuckets,
    problems: (file?.problems ?? []).map(plain),
  };
}

function fileFields({ pageSize, pages, freePages, transaction, lost }: BoltFile) {
  return { pageSize, pages, freePages, transaction: number(transaction), lost };
}

/** JSON knows no bigint: as a number where that is exact, else as text. */
function number(value: bigint | undefined): number | string | null {
  if (value === undefined) return null;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}

function plain(fields: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'bigint' ? number(value) : value]),
  );
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

async function write(pieces: Iterable<string | Uint8Array>): Promise<void> {
  for (const piece of pieces) if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}
