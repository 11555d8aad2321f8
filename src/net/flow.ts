/**
 * Flows: the questions that a walk answers. The shape follows a capture's oracle/probes.json.
 */
import type { Addr } from './addr.ts';

export type Protocol = 'tcp' | 'udp' | 'icmp' | 'icmpv6' | 'sctp';

/** A ping, a TCP connection, a UDP question and answer on a connected socket, or a DNS query. */
export type FlowKind = 'ping' | 'tcp' | 'udp' | 'dns';

export interface Flow {
  /** Repeated in the answer. */
  readonly id?: number | string;
  /** The namespace that asks: a container's name, `host`, or `inet` for the outside. */
  readonly from: string;
  readonly kind: FlowKind;
  /** The address asked; for `dns` the resolver, where it is known. */
  readonly dst: Addr | undefined;
  /** Destination port of tcp and udp, 1 to 65535. */
  readonly port?: number;
  /** Ping payload in bytes; 56 unless told. */
  readonly size?: number;
  /** Ping with "don't fragment". */
  readonly df?: boolean;
  /** Bytes sent and received on a TCP connection after it is open. */
  readonly up?: number;
  readonly down?: number;
  /** Name asked by `dns`. */
  readonly qname?: string;
  /** For this flow the outside has a host route to `dst` through the host. */
  readonly direct?: boolean;
}

/** A short text for people: `web tcp 198.51.100.7:7777`. */
export interface FlowRef {
  readonly id?: number | string;
  readonly from: string;
  readonly kind: FlowKind;
  readonly dst: string;
  readonly port?: number;
  readonly qname?: string;
}
