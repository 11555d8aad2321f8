/**
 * The phases of a daemon's start and of its life after it, told by the messages that open them.
 * In: a message. Out: the phase that begins with it. When phases begin and end is timeline.ts's subject.
 */

/** In the order in which a start goes through them; since 29 containers are loaded before the graph driver is there. */
export type Phase =
  /** Options are read, the API's listeners made. */
  | 'options'
  | 'containerd'
  | 'graph-driver'
  /** Containers are read from disk, running ones found again. */
  | 'containers'
  /** The network controller: chains, forwarding. */
  | 'firewall'
  /** Networks and endpoints of the earlier run are put back. */
  | 'restore'
  | 'default-bridge'
  /** Containers that restart by policy, until the daemon answers. */
  | 'ready'
  | 'running'
  | 'reload'
  | 'shutdown';

const marks: readonly { readonly phase: Phase; readonly words: RegExp }[] = [
  { phase: 'options', words: /^Starting up$|^Listener created for HTTP/ },
  {
    phase: 'containerd',
    words:
      /^libcontainerd: (?:started )?new containerd|^containerd not running|^starting containerd|^Creating a containerd client/i,
  },
  {
    phase: 'graph-driver',
    words: /^\[graphdriver\]|^Using graph driver|^Initialized graph driver|^Max Concurrent Downloads/,
  },
  { phase: 'containers', words: /^(?:Loading|Restoring) containers: start\.$/ },
  {
    phase: 'firewall',
    words:
      /^Option (?:Experimental|DefaultDriver):|^Fail to initialize firewalld|^unable to initialize firewalld/,
  },
  { phase: 'restore', words: /^(?:Network|Endpoint) \([0-9a-f]+\) restored/ },
  {
    phase: 'default-bridge',
    words:
      /^Default bridge \(|^(?:Allocating|releasing) (?:IPv[46] )?pools (?:for|from) network bridge\b|^Allocating pools for network$/,
  },
  { phase: 'ready', words: /^Loading containers: done\.$/ },
  { phase: 'running', words: /^API listen on|^Daemon has completed initialization$/ },
  { phase: 'reload', words: /^Got signal to reload configuration/ },
  { phase: 'running', words: /^Reloaded configuration/ },
  { phase: 'shutdown', words: /^Processing signal '|^Daemon shutdown complete|^stopping containerd after/ },
];

/** The phase that this message opens. */
export function phaseOf(message: string): Phase | undefined {
  return marks.find(({ words }) => words.test(message))?.phase;
}
