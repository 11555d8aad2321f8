/**
 * dockerd's flags and configuration keys that do not concern networking, by version: which take an argument, which
 * are keys of daemon.json, of which type. Data only. Their values are not read; they are known so that parsing of
 * arguments is not confused, unknown keys are told from known ones, and type errors stop us where they stop dockerd.
 */
import type { ValueType } from './table.ts';
import type { Span } from './version.ts';

export interface PassedFlag extends Span {
  readonly name: string;
  readonly shorthand?: string;
  readonly type: ValueType;
  /** Key in daemon.json that holds the value; absent: the flag's name passes as a key, and is ignored there. */
  readonly key?: string;
  /** As in `OptionFlag`; then `key` is what counts in the check for unknown keys. */
  readonly named: boolean;
}

function plain(name: string, type: ValueType, more: Partial<PassedFlag> = {}): PassedFlag {
  return { name, type, key: name, named: false, ...more };
}

function named(name: string, type: ValueType, key: string, more: Partial<PassedFlag> = {}): PassedFlag {
  return { name, type, key, named: true, ...more };
}

/** A flag whose name is accepted as a key of daemon.json, without effect there. */
function flagOnly(name: string, type: ValueType, more: Partial<PassedFlag> = {}): PassedFlag {
  return { name, type, named: false, ...more };
}

export const passedFlags: readonly PassedFlag[] = [
  flagOnly('config-file', 'text'),
  flagOnly('help', 'bool'),
  flagOnly('version', 'bool', { shorthand: 'v' }),
  flagOnly('validate', 'bool', { since: '23.0' }),
  flagOnly('restart', 'bool', { shorthand: 'r' }),
  plain('debug', 'bool', { shorthand: 'D' }),
  plain('log-level', 'text', { shorthand: 'l' }),
  plain('log-format', 'text', { since: '25.0' }),
  plain('tls', 'bool'),
  plain('tlsverify', 'bool'),
  plain('tlscacert', 'text'),
  plain('tlscert', 'text'),
  plain('tlskey', 'text'),
  named('host', 'texts', 'hosts', { shorthand: 'H' }),
  plain('pidfile', 'text', { shorthand: 'p' }),
  plain('group', 'text', { shorthand: 'G' }),
  plain('storage-driver', 'text', { shorthand: 's' }),
  named('storage-opt', 'texts', 'storage-opts'),
  named('authorization-plugin', 'texts', 'authorization-plugins'),
  named('exec-opt', 'texts', 'exec-opts'),
  named('label', 'texts', 'labels'),
  plain('log-driver', 'text'),
  named('log-opt', 'map', 'log-opts'),
  plain('raw-logs', 'bool'),
  plain('max-concurrent-downloads', 'int'),
  plain('max-concurrent-uploads', 'int'),
  plain('max-download-attempts', 'int', { since: '20.10' }),
  plain('shutdown-timeout', 'int'),
  plain('default-stop-timeout', 'int', { since: '29.7' }),
  plain('metrics-addr', 'text'),
  named('node-generic-resource', 'texts', 'node-generic-resources', { since: '17.12' }),
  plain('containerd', 'text'),
  plain('cri-containerd', 'bool', { since: '18.09' }),
  plain('containerd-namespace', 'text', { since: '19.03' }),
  // The key lacks the flag's `s`, and only the flag's name passes the check for unknown keys.
  flagOnly('containerd-plugins-namespace', 'text', { since: '19.03' }),
  named('add-runtime', 'any', 'runtimes'),
  plain('default-runtime', 'text'),
  // In the file they belong into the object `proxies`; its members pass the check as flags' names.
  flagOnly('http-proxy', 'text', { since: '23.0' }),
  flagOnly('https-proxy', 'text', { since: '23.0' }),
  flagOnly('no-proxy', 'text', { since: '23.0' }),
  named('cdi-spec-dir', 'texts', 'cdi-spec-dirs', { since: '25.0' }),
  named('nri-opts', 'any', 'nri-opts', { since: '29.2' }),
  plain('selinux-enabled', 'bool'),
  // Until 17.07 the flag was not a named option, so that its key default-ulimits was refused.
  flagOnly('default-ulimit', 'any', { until: '17.07' }),
  named('default-ulimit', 'any', 'default-ulimits', { since: '17.07' }),
  plain('cgroup-parent', 'text'),
  plain('userns-remap', 'text'),
  plain('init', 'bool'),
  plain('init-path', 'text'),
  plain('oom-score-adjust', 'int', { until: '26.0' }),
  plain('cpu-rt-period', 'int'),
  plain('cpu-rt-runtime', 'int'),
  plain('seccomp-profile', 'text'),
  plain('default-shm-size', 'any'),
  plain('no-new-privileges', 'bool'),
  plain('default-ipc-mode', 'text', { since: '17.12' }),
  plain('default-cgroupns-mode', 'text', { since: '20.10' }),
  plain('api-cors-header', 'text', { until: '29.0' }),
  plain('api-enable-cors', 'bool', { until: '17.09' }),
  plain('disable-legacy-registry', 'bool', { until: '19.03' }),
  named('allow-nondistributable-artifacts', 'texts', 'allow-nondistributable-artifacts', { until: '28.1' }),
  flagOnly('allow-nondistributable-artifacts', 'texts', { since: '28.1', until: '29.0' }),
  named('registry-mirror', 'texts', 'registry-mirrors'),
  named('insecure-registry', 'texts', 'insecure-registries'),
  plain('deprecated-key-path', 'text', { until: '19.03' }),
];

/** A key of daemon.json that no flag stands for. */
export interface FileKey extends Span {
  readonly key: string;
}

/** Keys that pass the check for unknown keys without being a flag's (skipValidateOptions in daemon/config/config.go). */
export const keysWithoutFlag: readonly FileKey[] = [
  { key: 'features', since: '18.09' },
  { key: 'builder', since: '18.09' },
  { key: 'deprecated-key-path', since: '19.03' },
  { key: 'allow-nondistributable-artifacts', since: '28.1' },
  { key: 'min-api-version', since: '29.0' },
];

/** Keys whose objects are values; any other object is taken apart, its members count as keys (flatOptions there). */
export const keysWithObject: readonly FileKey[] = [
  { key: 'cluster-store-opts' },
  { key: 'log-opts' },
  { key: 'runtimes' },
  { key: 'default-ulimits' },
  { key: 'features', since: '18.09' },
  { key: 'builder', since: '18.09' },
  { key: 'default-network-opts', since: '24.0' },
  { key: 'nri-opts', since: '29.2' },
];

/** Keys that flag and file may both set (skipDuplicates there). */
export const keysInBoth: readonly FileKey[] = [{ key: 'runtimes', since: '18.09' }];
