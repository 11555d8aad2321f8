/**
 * The store in words: what is wrong with a file or its records, and one line for each record. In: problems, findings and records.
 * Out: text. What counts as wrong was decided before; here is only how bad it is and how it is said.
 */
import type { StoreFinding } from '../bolt/docker-check.ts';
import { isObject } from '../bolt/docker-decode.ts';
import type { RecordFault, StoreRecord } from '../bolt/docker-records.ts';
import type { BoltProblem, ElementFault, MetaFault, PageFault } from '../bolt/problem.ts';

/** `error` makes the check fail; `warning` is what dockerd lives with. */
export type Severity = 'error' | 'warning';

export function severityOf(problem: BoltProblem | StoreFinding): Severity {
  switch (problem.kind) {
    // Space that is lost, and nothing else.
    case 'leaked':
    // dockerd says so in its log and leaves the reference out; 29 leaves one behind at each `network disconnect`.
    case 'sandbox-refers-to-nothing':
      return 'warning';
    case 'unreadable-record':
      return problem.fault === 'foreign-key' ? 'warning' : 'error';
    case 'foreign-bucket':
      return problem.alone ? 'error' : 'warning';
    default:
      return 'error';
  }
}

const metaFaults: Readonly<Record<MetaFault, string>> = {
  'cut-short': 'the file ends before it does',
  magic: 'it does not begin as a meta page does (magic number)',
  version: 'its format version is not 2',
  checksum: 'its checksum is wrong',
  'page-size': 'its page size cannot be right',
  'root-outside': 'its root is not a page in use',
  header: 'its header is that of another page',
};

const pageFaults: Readonly<Record<PageFault, string>> = {
  outside: 'is not a page in use',
  'cut-short': 'is cut short by the end of the file',
  'other-page': "carries another page's number",
  type: 'is not of the type that belongs there',
  overflow: 'goes on beyond the last page in use',
  'used-twice': 'is already part of something else',
  'too-deep': 'is nested too deep',
  'no-elements': 'has no elements',
};

const elementFaults: Readonly<Record<ElementFault, string>> = {
  layout: 'its position or size is damaged',
  'empty-key': 'its key is empty',
  'bucket-header': 'it should be a bucket and is none',
  order: 'its key is out of order',
};

const recordFaults: Readonly<Record<RecordFault, string>> = {
  'no-index': 'shorter than its 8-byte index',
  'not-utf8': 'not UTF-8',
  'not-json': 'not JSON',
  'too-large': 'too large to be a record of Docker',
  'too-deep': 'nested too deep to be a record of Docker',
  'foreign-key': 'not a key of Docker',
};

/** One thing that is wrong with the file itself. */
export function problemText(problem: BoltProblem): string {
  switch (problem.kind) {
    case 'meta':
      return `meta page ${problem.page} (byte ${problem.offset}): ${metaFaults[problem.fault]}`;
    case 'file-short':
      return `the file ends at byte ${problem.bytes}, its last page at byte ${problem.needed}`;
    case 'unsound-meta':
      return `no meta page is sound: read by meta page ${problem.page} all the same, which may be wrong`;
    case 'older-shown':
      return `transaction ${problem.newer} cannot be read completely; what is read here is transaction ${problem.shown}, which is whole`;
    case 'page':
      return `page ${problem.page} (byte ${problem.offset}), from page ${problem.from}: ${pageFaults[problem.fault]}`;
    case 'element':
      return `page ${problem.page}, element ${problem.element} (byte ${problem.offset}): ${elementFaults[problem.fault]}`;
    case 'freelist':
      return `list of free pages, page ${problem.page} (byte ${problem.offset}): ${freelistText(problem)}`;
    case 'free-in-use':
      return `page ${problem.page}: in use and in the list of free pages, so the next transaction may overwrite it`;
    case 'leaked':
      return `${problem.pages} pages are neither in use nor free, the first is page ${problem.first}`;
    case 'too-many-entries':
      return `more than ${problem.limit} entries: the others were not read`;
  }
}

function freelistText({ fault, id }: BoltProblem & { readonly kind: 'freelist' }): string {
  switch (fault) {
    case 'outside':
      return `it names page ${id}, which is outside`;
    case 'listed-twice':
      return `it names page ${id} twice`;
    case 'count':
      return `it claims to name ${id} pages, more than can be`;
  }
}

/** One thing in which the records do not agree, with what it leads to. */
export function findingText(finding: StoreFinding): string {
  switch (finding.kind) {
    case 'foreign-bucket':
      return `bucket ${quoted(finding.path)} (${finding.entries} entries) is not one of Docker's${finding.alone ? ', and its own is not there' : ''}`;
    case 'unreadable-record':
      return `${finding.key}: ${recordFaults[finding.fault]}`;
    case 'wrong-id':
      return `${finding.key}: the value is that of ${finding.id}`;
    case 'orphan-endpoint':
      return `${endpointText(finding)} belongs to network ${short(finding.network)}, which is not there`;
    case 'orphan-driver-endpoint':
      return finding.missing === 'endpoint'
        ? `${finding.driver} driver: endpoint ${short(finding.endpoint)} is not known to Docker`
        : `${finding.driver} driver: endpoint ${short(finding.endpoint)} belongs to a network that the driver does not have`;
    case 'orphan-count':
      return `there is an endpoint count for network ${short(finding.network)}, which is not there`;
    case 'endpoint-count':
      return `network ${quoted(finding.name)} (${short(finding.network)}) counts ${finding.stored} endpoints and has ${finding.found}: it cannot be removed until dockerd has started again`;
    case 'endpoint-without-sandbox':
      return `${endpointText(finding)} belongs to sandbox ${short(finding.sandbox)}, which is not there`;
    case 'sandbox-refers-to-nothing':
      return `sandbox ${short(finding.sandbox)} refers to ${finding.missing} ${short(finding.id)}, which is not there`;
    case 'phantom-network':
      return phantomText(finding);
    case 'half-removed-network':
      return `network ${quoted(finding.name)} (${short(finding.network)}) is half removed: dockerd goes on with that at its next start`;
    case 'duplicate-bridge':
      return `networks ${finding.networks.map(short).join(' and ')} have the same bridge ${quoted(finding.bridge)}: dockerd brings up only one of them`;
    case 'overlapping-subnets':
      return `networks ${finding.networks.map(short).join(' and ')} overlap (${finding.subnets.join(' and ')}): dockerd brings up only one of them`;
    case 'port-held-by-nobody':
      return `${authority(finding.address, finding.port)}/${finding.protocol} is held for endpoint ${short(finding.endpoint)}, behind which there is no container`;
  }
}

function phantomText(finding: StoreFinding & { readonly kind: 'phantom-network' }): string {
  const id = short(finding.network);
  if (finding.missing === 'driver')
    return `network ${quoted(finding.name)} (${id}) is not known to its ${finding.driver} driver`;
  const bridge = finding.name === '' ? '' : ` with bridge ${quoted(finding.name)}`;
  return `${finding.driver} driver: network ${id}${bridge} is not known to Docker: it comes back at each start and cannot be removed`;
}

function endpointText({ name, endpoint }: { readonly name: string; readonly endpoint: string }): string {
  return `endpoint ${quoted(name)} (${short(endpoint)})`;
}

/** What a record is about, in a few words; empty where it says nothing. */
export function summaryOf({ kind, json, fault }: StoreRecord): string {
  if (fault !== undefined) return `(${recordFaults[fault]})`;
  const fields = isObject(json) ? json : {};
  const text = (field: string) => (typeof fields[field] === 'string' ? fields[field] : '');
  const words = (...parts: readonly string[]) => parts.filter((part) => part !== '').join(' ');
  switch (kind) {
    case 'network':
      return words(text('name'), text('networkType'));
    case 'endpoint': {
      const face = isObject(fields.ep_iface) ? fields.ep_iface : {};
      return words(text('name'), ...['addr', 'addrv6'].map((field) => String(face[field] ?? '')));
    }
    case 'endpoint_count':
      return typeof fields.Count === 'number' ? String(fields.Count) : '';
    case 'sandbox':
      return words('container', short(text('Cid')));
    case 'bridge':
      return words(text('BridgeName'), text('AddressIPv4'), text('AddressIPv6'));
    default:
      return words(text('Addr'), text('Addrv6'), text('Parent'));
  }
}

/** An id as Docker shortens it. */
function short(id: string): string {
  return id.length > 12 ? id.slice(0, 12) : quotedIfEmpty(id);
}

function quotedIfEmpty(text: string): string {
  return text === '' ? quoted(text) : text;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function authority(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${quotedIfEmpty(address)}:${port}`;
}
