/**
 * Which links systemd-networkd and NetworkManager take for their own, by their files. In: files by name, as lines, and a link.
 * Out: the entry that says so; undefined where none does, or where a file asks for what the link's facts do not tell.
 * Sources: systemd.network(5), NetworkManager.conf(5). Whether they run at all is not asked here.
 */
import { type IniEntry, matchesGlob, parseIni } from './ini.ts';
import type { Link } from './state.ts';

/** A file with its lines. */
export interface ConfigLines {
  readonly file: string;
  readonly lines: readonly string[];
}

/** What makes a link theirs. */
export interface Claim {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** networkd takes the first file, by name, that matches; `Unmanaged=yes` there leaves the link alone. */
export function claimedByNetworkd(files: readonly ConfigLines[], link: Link): Claim | undefined {
  const byName = files.toSorted((a, b) => (baseName(a.file) < baseName(b.file) ? -1 : 1));
  for (const { file, lines } of byName) {
    const entries = parseIni(lines);
    const match = entries.filter(({ section }) => section === 'Match');
    const [first] = match;
    if (first === undefined) continue;
    const answers = match.map((entry) => matchesKey(entry, link));
    if (answers.includes(false)) continue;
    // Whether it matches cannot be told, so nor whether a later file is asked.
    if (answers.includes(undefined)) return undefined;
    const left = entries.some(
      ({ section, key, value }) => section === 'Link' && key === 'Unmanaged' && isTrue(value),
    );
    return left ? undefined : { file, line: first.line, text: `${first.key}=${first.value}` };
  }
  return undefined;
}

/** Undefined: it asks for what no listing of links tells (the kernel's version, the host's name). */
function matchesKey({ key, value }: IniEntry, link: Link): boolean | undefined {
  const not = value.startsWith('!');
  const patterns = (not ? value.slice(1) : value).split(/\s+/);
  const fits = (name: string) => patterns.some((pattern) => matchesGlob(pattern, name)) !== not;
  switch (key) {
    case 'Name':
    case 'OriginalName':
      return fits(link.name);
    case 'Type':
      // By the kernel's DEVTYPE, which a veth has not: it counts as Ethernet.
      return fits(link.kind === 'bridge' ? 'bridge' : 'ether');
    case 'Kind':
    case 'Driver':
      return fits(link.kind === 'bridge' ? 'bridge' : 'veth');
    case 'MACAddress':
      return patterns.some((mac) => mac.toLowerCase() === link.mac) !== not;
    case 'PermanentMACAddress':
    case 'Path':
      // Of hardware alone.
      return not;
    default:
      return undefined;
  }
}

function isTrue(value: string): boolean {
  return /^(?:yes|true|on|1)$/i.test(value);
}

function baseName(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}

/** `files` in the order in which NetworkManager reads them: its main file, then those of conf.d by name. */
export function claimedByNetworkManager(files: readonly ConfigLines[], link: Link): Claim | undefined {
  let unmanaged: { readonly value: string; readonly claim: Claim } | undefined;
  let device: { readonly managed: boolean; readonly claim: Claim } | undefined;
  for (const { file, lines } of files) {
    const entries = parseIni(lines);
    for (const { section, key, value, line } of entries) {
      const claim = { file, line, text: `${key}=${value}` };
      if (section === 'keyfile' && key === 'unmanaged-devices') unmanaged = { value, claim };
      if (section === 'keyfile' && key === 'unmanaged-devices+')
        unmanaged = { value: `${unmanaged?.value ?? ''};${value}`, claim };
      const which = entries.find((e) => e.section === section && e.key === 'match-device')?.value ?? '*';
      if (/^device\b/.test(section) && key === 'managed' && isListed(which, link))
        device = { managed: isTrue(value), claim };
    }
  }
  if (unmanaged !== undefined && isListed(unmanaged.value, link)) return undefined;
  if (device !== undefined) return device.managed ? device.claim : undefined;
  // A list that names other devices leaves this one to the rules of udev, which keep NetworkManager off veth links.
  const asked = specsOf(unmanaged?.value ?? '');
  const asksForAll =
    asked.length === 0 || asked.some((spec) => spec === 'none' || spec.startsWith('except:'));
  return asksForAll ? unmanaged?.claim : undefined;
}

/** A device list (NetworkManager.conf(5)): the last that matches decides between those with and without `except:`. */
function isListed(list: string, link: Link): boolean {
  const specs = list
    .split(/[;,]/)
    .map((text) => text.trim())
    .filter((text) => text !== '');
  const matching = specs.filter((spec) => matchesSpec(spec.replace(/^except:/, ''), link));
  return matching.length > 0 && matching.every((spec) => !spec.startsWith('except:'));
}

function specsOf(list: string): readonly string[] {
  return list
    .split(/[;,]/)
    .map((text) => text.trim())
    .filter((text) => text !== '');
}

function matchesSpec(spec: string, link: Link): boolean {
  const [, kind = '', value = ''] = /^([a-z-]+):(.*)$/.exec(spec) ?? [];
  switch (kind) {
    case '':
      return spec === '*' || matchesGlob(spec, link.name);
    case 'interface-name':
      return value.startsWith('=')
        ? value.slice(1) === link.name
        : matchesGlob(value.replace(/^~/, ''), link.name);
    case 'mac':
      return value.toLowerCase() === link.mac;
    case 'type':
    case 'driver':
      return (
        matchesGlob(value, link.kind) || (kind === 'type' && value === 'ethernet' && link.kind === 'veth')
      );
    default:
      return false;
  }
}
