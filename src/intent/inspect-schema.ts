/**
 * The border of `docker network inspect` and `docker inspect`: what is read of them, for engines 17.06 to 29.
 * In: parsed JSON from a bundle or a file, hostile until checked. Out: typed values; unknown keys are ignored, absent
 * parts are absent. Addresses and ports are still text: `inspect.ts` gives them meaning.
 */
import { z } from 'zod';

/** No control characters: names are printed to terminals. 4096 bytes is far above what Docker accepts. */
const word = z
  .string()
  .max(4096, 'is too long')
  .regex(/^[^\p{Cc}\p{Cf}]*$/u, 'has control characters');

const words = z.array(word).max(4096).nullish();

const options = z
  .record(word, word)
  .nullish()
  .transform((value): Readonly<Record<string, string>> => value ?? {});

const flag = z.boolean().nullish();

/** Other programs' words in it may be of several lines; what is no text says nothing. */
const failure = z
  .string()
  .transform((text) =>
    text
      .slice(0, 4096)
      .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
      .trim(),
  )
  .nullish()
  .catch(undefined);

/** `{"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "81/tcp": null}` */
const portMap = z
  .record(
    word,
    z
      .array(z.object({ HostIp: word.nullish(), HostPort: word.nullish() }))
      .max(65536)
      .nullish(),
  )
  .nullish()
  .transform(
    (value) => new Map(Object.entries(value ?? {}).map(([port, list]) => [port, list ?? []] as const)),
  );

export type PortMap = z.output<typeof portMap>;

/** One entry of a network's Containers; PortBindings is this project's extension for `--networks FILE`. */
const attachment = z.object({
  Name: word.nullish(),
  EndpointID: word.nullish(),
  MacAddress: word.nullish(),
  IPv4Address: word.nullish(),
  IPv6Address: word.nullish(),
  PortBindings: portMap.optional(),
});

export type Attachment = z.output<typeof attachment>;

export const networkSchema = z.object({
  Name: word.min(1),
  Id: word.min(1),
  Created: word.nullish(),
  Driver: word,
  EnableIPv4: flag,
  EnableIPv6: flag,
  Internal: flag,
  Options: options,
  IPAM: z
    .object({
      Config: z
        .array(
          z.object({
            Subnet: word.nullish(),
            Gateway: word.nullish(),
            IPRange: word.nullish(),
            AuxiliaryAddresses: options,
          }),
        )
        .max(64)
        .nullish(),
    })
    .nullish(),
  Containers: z
    .record(word, attachment)
    .nullish()
    .transform((value) => new Map(Object.entries(value ?? {}))),
});

export type InspectedNetwork = z.output<typeof networkSchema>;

const endpoint = z.object({
  NetworkID: word.nullish(),
  EndpointID: word.nullish(),
  Gateway: word.nullish(),
  IPAddress: word.nullish(),
  IPPrefixLen: z.number().int().min(0).max(32).nullish(),
  IPv6Gateway: word.nullish(),
  GlobalIPv6Address: word.nullish(),
  GlobalIPv6PrefixLen: z.number().int().min(0).max(128).nullish(),
  MacAddress: word.nullish(),
  GwPriority: z.number().int().nullish(),
  Aliases: words,
  DNSNames: words,
});

export type InspectedEndpoint = z.output<typeof endpoint>;

export const containerSchema = z.object({
  Id: word.min(1),
  Name: word,
  State: z.object({
    Running: flag,
    Pid: z.number().int().nonnegative().nullish(),
    StartedAt: word.nullish(),
    Error: failure,
  }),
  HostConfig: z.object({
    NetworkMode: word.nullish(),
    PortBindings: portMap,
    PublishAllPorts: flag,
    Links: words,
    Dns: words,
    ExtraHosts: words.catch(undefined),
    RestartPolicy: z.object({ Name: word.nullish() }).nullish(),
  }),
  Config: z.object({
    Image: word.nullish().catch(undefined),
    ExposedPorts: z
      .record(word, z.unknown())
      .nullish()
      .transform((value) => Object.keys(value ?? {})),
  }),
  NetworkSettings: z.object({
    Ports: portMap,
    Networks: z
      .record(word, endpoint.nullish())
      .nullish()
      .transform((value) => Object.entries(value ?? {})),
  }),
});

export type InspectedContainer = z.output<typeof containerSchema>;
