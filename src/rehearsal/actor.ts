/**
 * A program of its own that lives in one namespace of a rebuilt host and keeps it: it writes sysctls, listens, and asks. In: numbered
 * requests over the channel to its parent. Out: one answer to each. It ends with the channel, and decides nothing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { sysctlPath } from '../kernel/sysctl-path.ts';
import type { Seen } from '../packet/seen.ts';
import { type Binding, listen } from './listen.ts';
import { ask, type Question } from './question.ts';

export interface Setting {
  readonly name: string;
  readonly value: string;
}

export type ActorRequest =
  /** Answered with the settings that the kernel refused, in its words. */
  | { readonly kind: 'sysctls'; readonly settings: readonly Setting[] }
  /** Answered with what could not be bound. */
  | { readonly kind: 'listen'; readonly server: string; readonly bindings: readonly Binding[] }
  | { readonly kind: 'ask'; readonly question: Question };

/** By the kind of the request. */
export interface ActorAnswers {
  readonly sysctls: readonly string[];
  readonly listen: readonly string[];
  readonly ask: Seen;
}

export interface Numbered<T> {
  readonly number: number;
  readonly content: T;
}

export type ActorAnswer = { readonly ok: ActorAnswers[keyof ActorAnswers] } | { readonly error: string };

/** Writes what is not so already: a setting that is read-only and right is no reason to complain. */
function writeSysctls(settings: readonly Setting[]): readonly string[] {
  return settings.flatMap(({ name, value }) => {
    const path = sysctlPath(name);
    try {
      if (readFileSync(path, 'utf8').trim() !== value) writeFileSync(path, `${value}\n`);
      return [];
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return [`${name}: ${code ?? message}`];
    }
  });
}

async function answer(request: ActorRequest): Promise<ActorAnswers[keyof ActorAnswers]> {
  switch (request.kind) {
    case 'sysctls':
      return writeSysctls(request.settings);
    case 'listen':
      return listen(request.server, request.bindings);
    case 'ask':
      return ask(request.question);
  }
}

function send(number: number, content: ActorAnswer): void {
  process.send?.({ number, content } satisfies Numbered<ActorAnswer>);
}

process.on('message', ({ number, content }: Numbered<ActorRequest>) => {
  answer(content).then(
    (ok) => send(number, { ok }),
    (error: unknown) => send(number, { error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
// The first answer belongs to no request: it says that the actor is there.
send(0, { ok: [] });
