/**
 * Settings that follow from others, and changes of one setting with all that follows. In: Options. Out: Options.
 * Whether a daemon would start with them is `verify.ts`'s subject.
 */
import type { Origin } from '../net/reason.ts';
import type { OptionName, Options, OptionValues, Settings } from './options.ts';

/**
 * Options in which what follows from the settings is done: without iptables there is no masquerading
 * (verifyDaemonSettings in daemon/daemon_unix.go, all versions).
 */
export function withImplied(engine: string, settings: Settings, env: Options['env']): Options {
  const { iptables, 'ip-masq': masquerade } = settings;
  if (iptables.value || !masquerade.value) return { engine, settings, env, overruled: {} };
  return {
    engine,
    settings: {
      ...settings,
      'ip-masq': { value: false, origin: { kind: 'implied', by: 'iptables', origin: iptables.origin } },
    },
    env,
    overruled: { 'ip-masq': masquerade },
  };
}

/** The same daemon with one option set otherwise; implied settings are worked out anew. */
export function withSetting<K extends OptionName>(
  options: Options,
  name: K,
  value: OptionValues[K],
  origin: Origin,
): Options {
  const settings: Settings = { ...options.settings, ...options.overruled, [name]: { value, origin } };
  return withImplied(options.engine, settings, options.env);
}
