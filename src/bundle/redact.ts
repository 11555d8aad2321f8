/**
 * What must not leave a host in a bundle: credentials in URLs, tokens and passwords in settings, private keys,
 * and of containers everything that is not about networking (their environment above all). In: texts and JSON
 * as found. Out: the same with secrets replaced; lines stay where they are, so that line numbers still hold.
 */

const hidden = 'REDACTED';

/** A text of settings (daemon.json, an argument, a log) without credentials. */
export function withoutCredentials(text: string): string {
  return (
    text
      // user:password@ of a URL, also with JSON's escaped slashes; a password may itself hold @ and /.
      .replace(/(:(?:\\?\/){2})[^\s"'<>,]*@/g, `$1${hidden}@`)
      .replace(
        /("[^"\n]*(?:token|passw|secret|credential|api-?key)[^"\n]*"\s*:\s*)"(?:[^"\\]|\\.)*"/gi,
        `$1"${hidden}"`,
      )
      .replace(
        /(\b[\w-]*(?:token|passw(?:or)?d|secret|credential|api-?key)[\w-]*=)[^\s"',]+/gi,
        `$1${hidden}`,
      )
      .replace(/^(\s*(?:PrivateKey|PresharedKey|Password|psk)\s*=).*$/gim, `$1${hidden}`)
      // What a registry or a proxy is shown: a header's value, and JSON web tokens wherever they stand.
      .replace(
        /((?:Proxy-)?Authorization\W{1,4}(?:Basic|Bearer)\s+|X-Registry-(?:Auth|Config)\W{1,4})[\w+/=.-]+/gi,
        `$1${hidden}`,
      )
      .replace(/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, hidden)
  );
}

/** Labels that the engine itself was given, in daemon.json and among its arguments: names stay, what they say goes. */
export function withoutLabels(text: string): string {
  return text
    .replace(/("labels"\s*:\s*\[)([^\]]*)\]/g, (_, head: string, labels: string) => {
      return `${head}${labels.replace(/("[^"=\n]*=)(?:[^"\\]|\\.)*"/g, `$1${hidden}"`)}]`;
    })
    .replace(/^(--label[= ][^=\s]*=).*$/gm, `$1${hidden}`);
}

/** A daemon's log: at debug level it prints the bodies of requests, with the environment of each container. */
export function withoutRequestBodies(log: string): string {
  return log
    .split('\n')
    .map((line) => line.replace(/(form data: ).*$/, `$1${hidden}`))
    .join('\n');
}

const keptOfContainer = [
  'Id',
  'Created',
  'Name',
  'State',
  'RestartCount',
  'Driver',
  'Platform',
  'HostnamePath',
  'HostsPath',
  'ResolvConfPath',
  'NetworkSettings',
];
const keptOfConfig = ['Hostname', 'Domainname', 'ExposedPorts', 'Image', 'MacAddress', 'NetworkDisabled'];
const keptOfHostConfig = [
  'AutoRemove',
  'CapAdd',
  'CapDrop',
  'Dns',
  'DnsOptions',
  'DnsSearch',
  'ExtraHosts',
  'Links',
  'NetworkMode',
  'PortBindings',
  'Privileged',
  'PublishAllPorts',
  'RestartPolicy',
  'Runtime',
  'Sysctls',
  'UsernsMode',
];

/** Of one `docker inspect` of a container what networking needs; its environment, arguments and mounts go, and labels unless asked for. */
export function containerWithoutSecrets(inspect: unknown, labels = false): unknown {
  const container = asRecord(inspect);
  return {
    ...pick(container, keptOfContainer),
    Config: pick(asRecord(container.Config), labels ? [...keptOfConfig, 'Labels'] : keptOfConfig),
    HostConfig: pick(asRecord(container.HostConfig), keptOfHostConfig),
  };
}

/** A network, or what the engine says of itself, without labels. */
export function unlabelled(inspect: unknown): unknown {
  const { Labels: _, ...rest } = asRecord(inspect);
  return rest;
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function pick(from: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => key in from).map((key) => [key, from[key]]));
}
