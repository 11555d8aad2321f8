/**
 * `bridgekeeper doctor`: what is wrong with a host's container networks, why, and what would repair it. In: this host, a
 * namespace or a bundle. Out: text or JSON; exit 0 healthy, 1 an error was found, 3 it cannot be decided. It changes nothing.
 */
import { Command } from 'commander';
import { type QuestionOptions, readQuestion, withQuestionOptions } from './question.ts';

export function doctorCommand(): Command {
  return withQuestionOptions(
    new Command('doctor').description(
      'find out why packets die, and prove a repair; reads only (this host: needs root)',
    ),
  ).action(doctor);
}

async function doctor(options: QuestionOptions & { readonly json?: boolean }): Promise<void> {
  const { printing } = await import('./printing.ts');
  const print = printing(options.lang);
  const { withProgress } = await import('./progress.ts');
  const { facts, state, problems, flows, outsideRoutes, alone } = await withProgress(
    print.language,
    (progress) => readQuestion(options, progress),
  );
  const [{ diagnose }, { expectedFromFacts }, { tally }] = await Promise.all([
    import('../diagnosis/diagnose.ts'),
    import('../plan/expected.ts'),
    import('../report/tally.ts'),
  ]);
  const expected = alone?.expected ?? expectedFromFacts(facts, { state });
  const asked = {
    state,
    expected,
    facts,
    outsideRoutes,
    ...(flows === undefined ? {} : { flows }),
    ...(alone === undefined ? {} : { alone }),
  };
  const diagnosis = await withProgress(print.language, (progress) => diagnose({ ...asked, progress }));
  print.notes(problems);
  const { engineNote } = await import('./engine-note.ts');
  // Of rules alone the report itself says who made them.
  const aboutEngine = 'cannot' in expected || alone !== undefined ? undefined : engineNote(expected.engine);
  if (aboutEngine !== undefined) process.stderr.write(`bridgekeeper: note: ${aboutEngine}\n`);
  if (options.json === true) {
    const { doctorJson } = await import('../report/doctor-json.ts');
    process.stdout.write(`${JSON.stringify(doctorJson(diagnosis))}\n`);
  } else {
    const { doctorText } = await import('../report/text/doctor.ts');
    process.stdout.write(doctorText(diagnosis, await print.options()));
  }
  process.exitCode = tally(diagnosis).undecided ? 3 : diagnosis.healthy ? 0 : 1;
}
