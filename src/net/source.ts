/**
 * Where a fact comes from: a file of a bundle (or the command that would have written it), and a line.
 */
export interface SourceRef {
  /** Bundle file name, e.g. `iptables-save.txt`; `sandboxes.json#web/iptables_save` for a text inside a JSON file. */
  readonly file: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based, where it helps (daemon.json). */
  readonly column?: number;
}
