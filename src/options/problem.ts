/**
 * ConfigProblem: what is wrong or surprising in a daemon configuration, as data.
 * Made by the stages of `resolve.ts`; an error means that dockerd would refuse to start, a warning that it starts
 * but not as a reader of the configuration would think. Text for people is in `message` and `remedy`, in English.
 */
import type { Origin } from '../net/reason.ts';

/** Errors: dockerd refuses to start. */
export type ErrorCode =
  | 'flag-syntax'
  | 'flag-unknown'
  | 'flag-value-missing'
  | 'flag-value-invalid'
  | 'argument-unexpected'
  | 'config-json-invalid'
  | 'config-key-unknown'
  | 'config-type-wrong'
  | 'config-value-invalid'
  | 'option-in-flag-and-file'
  | 'options-exclude-each-other'
  | 'address-options-invalid';

/** Warnings: dockerd starts. */
export type WarningCode =
  | 'config-key-ignored'
  | 'config-key-nested'
  | 'config-key-repeated'
  | 'config-null-means-false'
  | 'config-null-ignored'
  | 'config-zero-ignored'
  | 'config-text-after-end'
  | 'fixed-cidr-outside-bip'
  | 'ip-masq-off-without-iptables'
  | 'mtu-not-on-user-networks'
  | 'live-restore-keeps-old-settings';

export interface ConfigProblem {
  readonly code: ErrorCode | WarningCode;
  /** For an error the daemon's own words, as it prints or logs them; one line. */
  readonly message: string;
  /** The options, keys or flags concerned, sorted as in the message. */
  readonly options: readonly string[];
  /** The place of the first of them. */
  readonly at?: Origin;
  /** Further places: the other half of a conflict, more unknown keys. */
  readonly others: readonly Origin[];
  readonly remedy: string;
  /** Slug of the doctor's cause for it, where one exists. */
  readonly cause?: string;
}

/** Origins of both halves or of all keys, split into `at` and `others`. */
export function places(origins: readonly Origin[]): Pick<ConfigProblem, 'at' | 'others'> {
  const [at, ...others] = origins;
  return at === undefined ? { others } : { at, others };
}

/** A short text for an origin: `daemon.json line 2`, `flag --icc (argument 3)`, `default`. */
export function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default';
    case 'file':
      return `${origin.path} line ${origin.line}`;
    case 'flag':
      return `flag ${origin.flag} (argument ${origin.index})`;
    case 'env':
      return `environment ${origin.name}`;
    case 'implied':
      return `because of ${origin.by}, ${describeOrigin(origin.origin)}`;
    case 'network':
      return origin.option === undefined
        ? `network ${origin.network}`
        : `network ${origin.network}, ${origin.option}`;
    case 'container':
      return `container ${origin.container}`;
  }
}
