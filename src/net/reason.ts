/**
 * Reasons: why a planned thing exists. A reason travels with everything that is planned, so that an
 * explanation is a print of it and never a second computation.
 */

/** Where a value comes from. Lines and columns are 1-based. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly path: string; readonly line: number; readonly column: number }
  /** `index` is the position in dockerd's argument list, the program name being 0. */
  | { readonly kind: 'flag'; readonly flag: string; readonly index: number }
  | { readonly kind: 'env'; readonly name: string }
  /** Another option forced it, e.g. iptables=false turns ip-masq off. */
  | { readonly kind: 'implied'; readonly by: string; readonly origin: Origin }
  /** A network's own option or stored configuration. */
  | { readonly kind: 'network'; readonly network: string; readonly option?: string }
  /** What was asked for one container: a published port, a link, the container itself. */
  | { readonly kind: 'container'; readonly container: string };

export interface Because {
  /** A daemon option (`ip-masq`), a network option (`com.docker.network...`), or a request (`publish`, `network`, `endpoint`, `engine`). */
  readonly setting: string;
  readonly value: string | number | boolean | null;
  readonly origin: Origin;
}

export interface Reason {
  /** What the engine was doing, in one short phrase: `masquerade traffic of bridge`. */
  readonly step: string;
  /** The settings that made it so; the one that decided comes first. */
  readonly because: readonly Because[];
}
