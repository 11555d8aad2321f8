/**
 * Flows as text and as JSON. In: a Flow. Out: one short line, or the members of the flow-file format.
 * Reading flow files is packet/flow-file.ts's subject.
 */
import { formatAddr } from '../net/addr.ts';
import type { Flow, FlowRef } from '../net/flow.ts';

/** `web tcp 198.51.100.7:7777`, `web ping 198.51.100.7 (1472 bytes, DF)`. */
export function flowText(flow: Flow): string {
  const target = [flow.qname, flow.dst === undefined ? undefined : destinationText(flow)];
  const notes = [
    ...(flow.size === undefined ? [] : [`${flow.size} bytes`]),
    ...(flow.df === true ? ['DF'] : []),
  ];
  const words = [flow.from, flow.kind, ...target.filter((word) => word !== undefined)];
  return [...words, ...(notes.length === 0 ? [] : [`(${notes.join(', ')})`])].join(' ');
}

function destinationText({ dst, port }: Flow): string {
  if (dst === undefined) return '';
  const address = formatAddr(dst);
  if (port === undefined) return address;
  return dst.family === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The flow's name in JSON: enough to tell it from others. */
export function flowRef(flow: Flow): FlowRef {
  return {
    ...(flow.id === undefined ? {} : { id: flow.id }),
    from: flow.from,
    kind: flow.kind,
    dst: flow.dst === undefined ? '' : formatAddr(flow.dst),
    ...(flow.port === undefined ? {} : { port: flow.port }),
    ...(flow.qname === undefined ? {} : { qname: flow.qname }),
  };
}

/** The whole flow, with the members that a flow file has. */
export function flowJson(flow: Flow): FlowRef & Pick<Flow, 'size' | 'df' | 'up' | 'down' | 'direct'> {
  const { size, df, up, down, direct } = flow;
  return {
    ...flowRef(flow),
    ...(size === undefined ? {} : { size }),
    ...(df === undefined ? {} : { df }),
    ...(up === undefined ? {} : { up }),
    ...(down === undefined ? {} : { down }),
    ...(direct === undefined ? {} : { direct }),
  };
}
