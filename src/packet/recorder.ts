/**
 * Recorder: collects the steps of one packet's way into hops, apart from the walking itself.
 * In: `enter` and `step` as the packet moves. Out: hops. It decides nothing.
 */
import type { Hop, Step } from './trace.ts';

export class Recorder {
  private readonly deathsOnly: boolean;

  /** `deaths`: of the steps only those are kept that end the packet. */
  constructor(keeps: 'all' | 'deaths' = 'all') {
    this.deathsOnly = keeps === 'deaths';
  }

  /** Whether steps are written down; one that nobody reads need not be made. */
  get isOn(): boolean {
    return this.muted === 0 && !this.deathsOnly;
  }

  private hops: { namespace: string; steps: Step[] }[] = [];
  private muted = 0;

  /** The packet is now in this namespace. */
  enter(namespace: string): void {
    if (this.muted > 0) return;
    const last = this.hops[this.hops.length - 1];
    if (last?.namespace !== namespace) this.hops.push({ namespace, steps: [] });
  }

  step(step: Step): void {
    if (this.muted > 0 || (this.deathsOnly && step.kind !== 'drop')) return;
    this.hops[this.hops.length - 1]?.steps.push(step);
  }

  /** Runs something that is not this packet's own way (an ICMP error about it) without recording it. */
  aside<T>(body: () => T): T {
    this.muted += 1;
    try {
      return body();
    } finally {
      this.muted -= 1;
    }
  }

  /** Hands over the hops so far and begins anew. */
  take(): readonly Hop[] {
    const taken = this.hops;
    this.hops = [];
    return taken;
  }
}
