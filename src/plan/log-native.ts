/**
 * Native nftables of a log against those of a plan, or of another log: as lines of the listing, each with its chain or map. In: tables.
 * Out: lines, their shapes, and the lines that only one side has. Of nftables a log has text alone, and nft's own text is what is compared.
 */
import type { NftTable } from '../firewall/nft/model.ts';
import { nftLines } from '../firewall/nft/print.ts';
import type { Reason } from '../net/reason.ts';
import { type NftTableText, nftTableLines } from '../replay/nft-listing.ts';

export interface NativeLine {
  /** `ip docker-bridges`, `chain nat-POSTROUTING` */
  readonly table: string;
  readonly block: string;
  readonly text: string;
  readonly reason?: Reason | undefined;
}

/** The lines of a plan's tables. */
export function nativeLinesOfPlan(tables: readonly NftTable[]): readonly NativeLine[] {
  return placed(tables.flatMap(nftLines));
}

/** The lines of a log's tables. */
export function nativeLinesOfLog(tables: readonly NftTableText[]): readonly NativeLine[] {
  return placed(tables.flatMap((table) => nftTableLines(table).map((text) => ({ text }))));
}

function placed(
  lines: readonly { readonly text: string; readonly reason?: Reason | undefined }[],
): readonly NativeLine[] {
  let table = '';
  let block = '';
  return lines.flatMap(({ text, reason }): readonly NativeLine[] => {
    const [, head] = /^(.*) \{$/.exec(text.trim()) ?? [];
    if (head?.startsWith('table ') === true) {
      table = head.slice('table '.length);
      return [];
    }
    if (head !== undefined) {
      block = head;
      return [{ table, block, text: head, reason }];
    }
    // Elements stand in one list that is broken into lines.
    const plain = text.trim().replace(/^elements = \{ |,$| \}$/g, '');
    return plain === '' || plain === '}' ? [] : [{ table, block, text: plain, reason }];
  });
}

/** What `lines` has and `others` has not, in its order. */
export function nativeWithout(
  lines: readonly NativeLine[],
  others: readonly NativeLine[],
): readonly NativeLine[] {
  const key = ({ table, block, text }: NativeLine) => `${table} ${block} ${text}`;
  const known = new Set(others.map(key));
  return lines.filter((line) => !known.has(key(line)));
}

/** The line without the addresses, ports and bridges of one host; the default bridge keeps its name. */
export function nativeShape({ table, block, text }: NativeLine): string {
  const abstract = text
    .replace(/"(?!docker0"|lo")[^"\s]*"(?! *$)/g, '"bridge"')
    .replace(/__(?!docker0\b)\S+/g, '__bridge')
    .replace(/(?<=[ ,])[0-9a-f]*[.:][0-9a-f.:]*(?:\/\d+)?/g, 'address')
    .replace(/\b(?:tcp|udp|sctp) ([ds]port) \d+/g, 'transport $1 any')
    .replace(/\bmark \S+/g, 'mark any');
  return `${table} ${block.replace(/__(?!docker0$)\S+$/, '__bridge')} ${abstract}`;
}
