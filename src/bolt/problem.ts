/**
 * What can be wrong with a bolt file, as data. In: nothing. Out: a small union, each with where it stands, and a bounded list that
 * collects them. The words for it are made by whoever prints it.
 */

/** A place: the page's number and a byte offset in the file. */
export interface Place {
  readonly page: number;
  readonly offset: number;
}

export type MetaFault =
  | 'cut-short'
  | 'magic'
  | 'version'
  | 'checksum'
  | 'page-size'
  | 'root-outside'
  /** The page's header says that it is another page, or no meta page. */
  | 'header';

/** Why a page that something refers to could not be read as what it has to be. */
export type PageFault =
  /** Its number is a meta page's, or not below the number of pages in use. */
  | 'outside'
  | 'cut-short'
  /** Its header carries another page's number: pages were swapped or overwritten. */
  | 'other-page'
  | 'type'
  /** It says that it goes on beyond the pages in use. */
  | 'overflow'
  /** Something else refers to it too, or to a page that it goes on to. */
  | 'used-twice'
  | 'too-deep'
  | 'no-elements';

/** Why an element (a key and its value, or a key and a page) is not taken as it stands. */
export type ElementFault =
  /** Its key or value does not stand where its neighbours end: its position or a size is damaged. */
  | 'layout'
  | 'empty-key'
  | 'bucket-header'
  /** Its key is not above its predecessor's, or not within what the branch page above promises. */
  | 'order';

export type BoltProblem =
  | ({ readonly kind: 'meta'; readonly fault: MetaFault } & Place)
  /** The file ends before its last page. */
  | { readonly kind: 'file-short'; readonly bytes: number; readonly needed: number }
  /** No meta page is sound; the one used may be wrong. */
  | { readonly kind: 'unsound-meta'; readonly page: number }
  /** Transaction `newer` has lost pages; what is shown is `shown`, the one before it, which is whole. */
  | { readonly kind: 'older-shown'; readonly newer: bigint; readonly shown: bigint }
  | ({ readonly kind: 'page'; readonly fault: PageFault; readonly from: number } & Place)
  | ({ readonly kind: 'element'; readonly fault: ElementFault; readonly element: number } & Place)
  | ({
      readonly kind: 'freelist';
      readonly fault: 'outside' | 'listed-twice' | 'count';
      readonly id: number;
    } & Place)
  /** A page that is in use is listed as free: the next transaction may overwrite it. */
  | { readonly kind: 'free-in-use'; readonly page: number }
  /** Pages that nothing refers to and that are not free either. */
  | { readonly kind: 'leaked'; readonly pages: number; readonly first: number }
  | { readonly kind: 'too-many-entries'; readonly limit: number };

/** So many are kept: beyond that a file is plainly no store, and its report would be no help. */
const maxProblems = 1000;

/** A list of problems that does not grow without bound. */
export interface Problems {
  readonly add: (problem: BoltProblem) => void;
  readonly list: readonly BoltProblem[];
  /** How many were added in all. */
  readonly total: () => number;
}

export function collectProblems(): Problems {
  const list: BoltProblem[] = [];
  let total = 0;
  return {
    add(problem) {
      total += 1;
      if (list.length < maxProblems) list.push(problem);
    },
    list,
    total: () => total,
  };
}
