/**
 * How the options of one match or target module are written: names, spellings, number of values, quoting, order.
 * In: one short line for each option. Out: a ModuleSpec. The modules themselves stand in `match-specs.ts` and `target-specs.ts`.
 */

export interface OptionSpec {
  /** As iptables-save prints it. */
  readonly name: string;
  readonly values: number;
  readonly aliases: readonly string[];
  /** Quoted unless plain (`text`), or always (`quoted`); other values are bare words. */
  readonly quoting: 'word' | 'text' | 'quoted';
}

export interface ModuleSpec {
  /** In the order in which iptables-save prints them. */
  readonly options: readonly OptionSpec[];
  /** By every spelling. */
  readonly bySpelling: ReadonlyMap<string, OptionSpec>;
}

/** `--name|--alias N`, N the number of values; `text` or `quoted` instead of N is one value with that quoting. */
export function spec(...lines: readonly string[]): ModuleSpec {
  const options = lines.map((line): OptionSpec => {
    const [names = '', kind = '0'] = line.split(' ');
    const [name = '', ...aliases] = names.split('|');
    const quoting = kind === 'text' || kind === 'quoted' ? kind : 'word';
    return { name, aliases, quoting, values: quoting === 'word' ? Number(kind) : 1 };
  });
  const bySpelling = new Map<string, OptionSpec>();
  for (const option of options) {
    for (const spelling of [option.name, ...option.aliases]) bySpelling.set(spelling, option);
  }
  return { options, bySpelling };
}
