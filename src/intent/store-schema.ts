/**
 * The border of Docker's store: what is read of its records, for engines 17.06 to 29.
 * In: values of local-kv.db as `bolt/docker-decode.ts` unfolds them, hostile until checked. Out: typed values; unknown fields are
 * ignored. Addresses are still text: `from-store.ts` gives them meaning.
 * Sources: libnetwork network.go, endpoint.go, sandbox_store.go and drivers/bridge/bridge_store.go of these engines.
 */
import { z } from 'zod';

/** No control characters: names are printed to terminals. */
const word = z
  .string()
  .max(4096, 'is too long')
  .regex(/^[^\p{Cc}\p{Cf}]*$/u, 'has control characters');

const maybeWord = word.nullish().transform((text) => text ?? '');

const list = <T extends z.ZodType>(element: T) =>
  z
    .array(element)
    .max(65536)
    .nullish()
    .transform((value) => value ?? []);

const options = z
  .record(word, word)
  .nullish()
  .transform((value): Readonly<Record<string, string>> => value ?? {});

const pools = list(
  z.object({
    IPAMData: z.object({ Pool: maybeWord, Gateway: maybeWord, AuxAddresses: options }).nullish(),
  }),
);

const requests = list(z.object({ SubPool: maybeWord }));

export const storedNetwork = z.object({
  id: word.min(1),
  name: word,
  created: maybeWord,
  networkType: word,
  enableIPv4: z.boolean().nullish(),
  enableIPv6: z.boolean().nullish(),
  internal: z.boolean().nullish(),
  /** Its removal was begun: the engine ends it at its next start. */
  inDelete: z.boolean().nullish(),
  generic: z.object({ 'com.docker.network.generic': options.optional() }).nullish(),
  ipamV4Config: requests,
  ipamV4Info: pools,
  ipamV6Config: requests,
  ipamV6Info: pools,
});

export type StoredNetwork = z.output<typeof storedNetwork>;

const transportPort = z.object({ Proto: z.number(), Port: z.number() });

export const storedEndpoint = z.object({
  id: word.min(1),
  name: word,
  sandbox: maybeWord,
  ep_iface: z.object({ addr: maybeWord, addrv6: maybeWord, mac: maybeWord }).nullish(),
  joinInfo: z.object({ gw: maybeWord }).nullish(),
  exposed_ports: list(transportPort),
  /** Since 25.0; before, the name unless the engine made it up (`anonymous`), and `myAliases`. */
  dnsNames: list(word),
  anonymous: z.boolean().nullish(),
  myAliases: list(word),
});

export type StoredEndpoint = z.output<typeof storedEndpoint>;

const portBinding = z.object({
  Proto: z.number(),
  Port: z.number(),
  HostIP: maybeWord,
  HostPort: z.number(),
  HostPortEnd: z.number().nullish(),
});

export type StoredBinding = z.output<typeof portBinding>;

/** What the bridge driver keeps of an endpoint. */
export const storedBridgeEndpoint = z.object({
  id: word.min(1),
  /** Legacy links. */
  ContainerConfig: z.object({ ChildEndpoints: list(word) }).nullish(),
  ExternalConnConfig: z.object({ PortBindings: list(portBinding) }).nullish(),
  PortMapping: list(portBinding),
});

export type StoredBridgeEndpoint = z.output<typeof storedBridgeEndpoint>;

export const storedSandbox = z.object({
  ID: word.min(1),
  Cid: word,
  Eps: list(z.object({ Eid: word, Nid: word })),
});

export type StoredSandbox = z.output<typeof storedSandbox>;
