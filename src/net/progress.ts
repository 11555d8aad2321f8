/**
 * Progress: how far long work is. Told by whoever works, after each piece; shown by the shell, or by nobody. Whoever tells reads
 * no clock: how often something is shown is decided where it is shown.
 */

/** What takes long: reading namespaces, walking flows, trying repairs, reading a log. */
export type Work = 'namespaces' | 'flows' | 'repairs' | 'log';

/** `total`: absent where the end is not known. */
export type Progress = (work: Work, done: number, total?: number) => void;

/** Where nobody looks. */
export const unwatched: Progress = () => undefined;
